"""Brings the engine the concurrency that is reserved and provisioned for functions.

What is set is in the store, so that it outlives the emulator. A reservation needs no deployed
version; provisioned concurrency makes its version ready first, and follows an alias to another one.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.concurrency_settings import Taken
from emulator.core.function_names import FunctionName, Reference, prefix
from emulator.errors import ResourceNotFoundError, ServiceError
from emulator.live.store.function_records import State, concurrency_key
from emulator.live.store.resources import Kind

if TYPE_CHECKING:
    from collections.abc import Collection

    from emulator.core.function_names import Scope
    from emulator.core.version_key import VersionKey
    from emulator.live.engine import Engine
    from emulator.live.functions.deployer import Deployer
    from emulator.live.store.catalog import Catalog
    from emulator.live.store.function_records import Version
    from emulator.live.store.resources import Key

log = logging.getLogger(__name__)

_RESERVED = "ReservedConcurrentExecutions"
_PROVISIONED = "RequestedProvisionedConcurrentExecutions"
_MOVES_PROVISIONED = frozenset({Kind.PROVISIONED_CONCURRENCY, Kind.ALIAS, Kind.VERSION})


@dataclass(frozen=True, slots=True)
class ProvisionedState:
    """Holds what stands ready of a version's provisioned concurrency."""

    ready: int
    failure: str = ""
    """Why no more will be, where that is so."""


def taken(catalog: Catalog, scope: Scope) -> Taken:
    """Returns what functions have reserved and provisioned in an account and region."""
    resources = catalog.resources
    reserved = {
        name: documents[""][_RESERVED]
        for name, documents in resources.all(scope, Kind.CONCURRENCY).items()
    }
    provisioned = {
        name: sum(document[_PROVISIONED] for document in documents.values())
        for name, documents in resources.all(scope, Kind.PROVISIONED_CONCURRENCY).items()
    }
    return Taken(reserved, provisioned)


class ConcurrencySettings:
    """Keeps the engine's concurrency as the store has it.

    Use from the engine's event loop; `close` ends what goes on.
    """

    def __init__(self, catalog: Catalog, deployer: Deployer, engine: Engine, home: Scope) -> None:
        self._catalog = catalog
        self._deployer = deployer
        self._engine = engine
        self._home = home
        self._provisioned: dict[VersionKey, int] = {}
        self._failures: dict[VersionKey, str] = {}
        self._work: asyncio.Task[None] | None = None
        self._again = False
        catalog.resources.watch(self._changed)

    def apply(self) -> None:
        """Sets what an earlier emulator has left in the store."""
        resources = self._catalog.resources
        for scope in resources.scopes(Kind.CONCURRENCY):
            for name in resources.all(scope, Kind.CONCURRENCY):
                self._reserve(FunctionName(scope, name))
        if resources.scopes(Kind.PROVISIONED_CONCURRENCY):
            self._provision()

    def provisioned(self, version: Version) -> ProvisionedState:
        """Returns what stands ready of a version's provisioned concurrency."""
        key = self._deployer.key(version)
        found = self._engine.provisioned(key)
        if found.given_up:
            return ProvisionedState(found.ready, "init failed")
        return ProvisionedState(found.ready, self._failures.get(key, ""))

    async def close(self) -> None:
        """Ends the making of versions for provisioned concurrency."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    def _changed(self, keys: Collection[Key]) -> None:
        for key in keys:
            if key.kind is Kind.CONCURRENCY:
                self._reserve(FunctionName(key.scope, key.name))
        if any(key.kind in _MOVES_PROVISIONED for key in keys) and self._is_provisioned():
            self._provision()

    def _is_provisioned(self) -> bool:
        return bool(
            self._provisioned or self._catalog.resources.scopes(Kind.PROVISIONED_CONCURRENCY)
        )

    def _reserve(self, name: FunctionName) -> None:
        scheduled = f"{prefix(name.scope, self._home)}{name.name}"
        document = self._catalog.resources.get(concurrency_key(name)) or {}
        self._engine.reserve(scheduled, document.get(_RESERVED))

    # provisioned

    def _provision(self) -> None:
        """Sees to it that the engine is told; once more where that goes on already."""
        if self._work is None:
            self._work = asyncio.get_running_loop().create_task(self._provision_all())
            self._work.add_done_callback(self._done)
        else:
            self._again = True

    def _done(self, work: asyncio.Task[None]) -> None:
        self._work = None
        if work.cancelled():
            return
        if (error := work.exception()) is not None:
            log.error("provisioned concurrency could not be set", exc_info=error)
        if self._again:
            self._again = False
            self._provision()

    async def _provision_all(self) -> None:
        wanted = self._wanted()
        for key in self._provisioned.keys() - wanted.keys():
            self._set(key, 0)
        for key, (version, count) in wanted.items():
            if self._provisioned.get(key) != count or not self._engine.has(key):
                await self._provision_version(key, version, count)

    async def _provision_version(self, key: VersionKey, version: Version, count: int) -> None:
        if version.status.state is State.PENDING:
            return  # its next state comes here, too
        try:
            await self._deployer.ready(version)
        except ServiceError as error:
            self._failures[key] = str(error)
            log.warning("%s has no provisioned concurrency: %s", version.arn, error)
            return
        self._failures.pop(key, None)
        self._set(key, count)

    def _set(self, key: VersionKey, count: int) -> None:
        if count:
            self._provisioned[key] = count
        else:
            self._provisioned.pop(key, None)
            self._failures.pop(key, None)
        if self._engine.has(key):
            self._engine.provision(key, count)

    def _wanted(self) -> dict[VersionKey, tuple[Version, int]]:
        found: dict[VersionKey, tuple[Version, int]] = {}
        resources = self._catalog.resources
        for scope in resources.scopes(Kind.PROVISIONED_CONCURRENCY):
            for name, documents in resources.all(scope, Kind.PROVISIONED_CONCURRENCY).items():
                for qualifier, document in documents.items():
                    reference = Reference(FunctionName(scope, name), qualifier)
                    if (version := self._find(reference)) is not None:
                        found[self._deployer.key(version)] = version, document[_PROVISIONED]
        return found

    def _find(self, reference: Reference) -> Version | None:
        try:
            return self._catalog.find(reference)
        except ResourceNotFoundError:  # its alias was deleted and has left this behind
            return None
