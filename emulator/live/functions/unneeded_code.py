"""Has zips removed that no version or layer needs any more, a while after the change.

Which are needed the catalogue knows, and the deployer for versions under way; how they are removed
is the archives' matter.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from typing import TYPE_CHECKING

from emulator.live.store.resources import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from emulator.live.store.archives import Archives
    from emulator.live.store.catalog import Catalog
    from emulator.live.store.resources import Key

log = logging.getLogger(__name__)

_CALM = 10.0
"""Seconds from a change to the look for what it left: changes mostly come in groups, and a
deployment goes first."""
_GRACE = 60.0
"""Seconds in which a call that has kept a zip saves the version that needs it, or never does."""
_HAVE_CODE = frozenset({Kind.VERSION, Kind.LAYER})


class UnneededCode:
    """Watches the catalogue, from `begin` to `close`. Lives in one event loop.

    `in_work` returns the zips of versions that are being made, and of those that they replace.
    """

    def __init__(
        self, catalog: Catalog, archives: Archives, in_work: Callable[[], Collection[str]]
    ) -> None:
        self._catalog = catalog
        self._archives = archives
        self._in_work = in_work
        self._timer: asyncio.TimerHandle | None = None
        self._pruning: asyncio.Task[None] | None = None
        self._begun = False
        catalog.resources.watch(self._changed)

    async def begin(self) -> None:
        """Removes what earlier runs left, and watches from then on."""
        await self._archives.keep_only(self._catalog.archives())
        self._begun = True

    def _changed(self, keys: Collection[Key]) -> None:
        if self._begun and any(key.kind in _HAVE_CODE for key in keys):
            self._look_after(_CALM)

    def _look_after(self, seconds: float) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._pruning is None or self._pruning.done():
            self._pruning = asyncio.get_running_loop().create_task(self._prune())
        else:
            self._look_after(_CALM)

    async def _prune(self) -> None:
        try:
            needed = self._catalog.archives
            if await self._archives.prune(needed, _GRACE, self._in_work):
                self._look_after(_CALM)
        except (OSError, sqlite3.Error) as error:  # the next change, or start, tries again
            log.warning("zips that no version needs stay in the state directory: %s", error)

    async def close(self) -> None:
        """Ends the watch; what is being removed just now goes."""
        self._begun = False
        if self._timer is not None:
            self._timer.cancel()
        if self._pruning is not None:
            await self._pruning
        if self._timer is not None:  # set by the end of that
            self._timer.cancel()
