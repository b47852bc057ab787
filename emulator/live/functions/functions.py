"""Holds all that has to do with functions beside the engine that runs them.

Owns the order in which the parts begin and end, and nothing of what they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from emulator.live.functions.concurrency import ConcurrencySettings
from emulator.live.functions.deployer import Deployer
from emulator.live.functions.targets import Targets
from emulator.live.functions.unneeded_code import UnneededCode
from emulator.live.functions.urls import Urls
from emulator.live.store.archives import ARCHIVES, Archives
from emulator.live.store.catalog import Catalog
from emulator.live.store.resources import RESOURCES, Resources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emulator.core.function_names import Scope
    from emulator.core.policy import Chance
    from emulator.live.engine import Engine
    from emulator.live.store.database import Database

FUNCTION_SCHEMAS = (RESOURCES, ARCHIVES)
"""What the state's database must be opened with."""


@dataclass(frozen=True, slots=True)
class Functions:
    """Holds the catalogue, the code, and what makes both ready to run."""

    catalog: Catalog
    archives: Archives
    deployer: Deployer
    targets: Targets
    urls: Urls
    concurrency: ConcurrencySettings
    unneeded: UnneededCode
    home: Scope
    """Account and region of the emulator itself: its template's functions live there."""

    @classmethod
    async def open(
        cls,
        database: Database,
        code: Path,
        engine: Engine,
        *,
        home: Scope,
        chance: Chance,
        time_of_day: Callable[[], str],
    ) -> Self:
        """Reads what an earlier run has left; `code` is the folder of zips."""
        resources = await Resources.open(database)
        catalog, archives = Catalog(resources), Archives(code, database, resources)
        deployer = Deployer(catalog, archives, engine, home=home, time_of_day=time_of_day)
        targets = Targets(catalog, deployer, chance)
        urls = Urls(catalog.resources, targets)
        concurrency = ConcurrencySettings(catalog, deployer, engine, home)
        unneeded = UnneededCode(catalog, archives, deployer.archives_in_work)
        return cls(catalog, archives, deployer, targets, urls, concurrency, unneeded, home)

    async def resume(self) -> None:
        """Goes on with what an earlier run had begun, and sweeps away code that nobody needs."""
        await self.unneeded.begin()
        self.deployer.resume()
        self.concurrency.apply()

    async def close(self) -> None:
        """Ends the work in the background, which the next run resumes."""
        await self.concurrency.close()
        await self.deployer.close()
        await self.unneeded.close()
