"""Finds the version that a request is for, from the words of the request: a look into a table.

What has been found stays in the table until a function, a version or an alias changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.alias_routing import Routing
from emulator.core.function_names import is_version
from emulator.core.version_key import LATEST
from emulator.live.store.catalog import not_found
from emulator.live.store.resources import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping

    from emulator.core.function_names import FunctionName, Reference
    from emulator.core.policy import Chance
    from emulator.core.version_key import VersionKey
    from emulator.live.functions.deployer import Deployer
    from emulator.live.store.catalog import Catalog
    from emulator.live.store.resources import Key

_MOST = 100_000
"""Entries of the table: each client, name and qualifier has one."""
_DECISIVE = frozenset({Kind.FUNCTION, Kind.VERSION, Kind.ALIAS})


@dataclass(frozen=True, slots=True)
class Target:
    """Says what a name leads to; all versions that it may lead to are ready."""

    key: VersionKey
    """Key of the version, or of the one that an alias names."""
    arn: str
    """The ARN that the function is told it was asked for by."""
    function_arn: str
    """The ARN without a qualifier."""
    alias: str = ""
    choice: Choice | None = None
    """Set where the alias has weights."""

    def choose(self) -> VersionKey:
        """Returns the version that serves the next request."""
        return self.key if self.choice is None else self.choice.make()


@dataclass(frozen=True, slots=True)
class Choice:
    """Chooses between the versions of an alias."""

    routing: Routing
    keys: Mapping[str, VersionKey]
    """Keys by version."""
    chance: Chance

    def make(self) -> VersionKey:
        """Returns the version of the next request."""
        return self.keys[self.routing.choose(self.chance)]


class Targets:
    """Finds targets; `get` needs no await and is enough for all requests but the first."""

    def __init__(self, catalog: Catalog, deployer: Deployer, chance: Chance) -> None:
        """Takes the `chance` that shares the requests of aliases with weights."""
        self._catalog = catalog
        self._chance = chance
        self._deployer = deployer
        self._found: dict[Hashable, Target] = {}
        catalog.resources.watch(self._changed)

    def get(self, words: Hashable) -> Target | None:
        """Returns what `find` found for the same words; None where `find` must be asked."""
        return self._found.get(words)

    def knows(self, function: FunctionName) -> bool:
        """Returns whether there is a function of the name, ready or not."""
        return self._catalog.function(function) is not None

    async def find(self, words: Hashable, reference: Reference) -> Target:
        """Returns what a name leads to; the versions are made ready first.

        Raises:
            ResourceNotFoundError: there is no such function, version or alias.
            ResourceConflictError: a version is Pending or Failed.
            ServiceUnavailableError: the package of a version cannot be made any more.
        """
        target = await self._target(reference)
        # a change while the versions were made ready may have made the target another
        if target == await self._target(reference):
            if len(self._found) >= _MOST:
                self._found.clear()
            self._found[words] = target
        return target

    async def _target(self, reference: Reference) -> Target:
        qualifier = reference.qualifier or LATEST
        if is_version(qualifier):
            key = await self._ready(reference, qualifier)
            return Target(key, reference.arn, reference.function.arn())
        alias = self._catalog.alias(reference.function, qualifier)
        if alias is None:
            raise not_found(reference)
        versions = (alias.version, *alias.weights)
        keys = {version: await self._ready(reference, version) for version in versions}
        choice = Choice(Routing(alias.version, alias.weights), keys, self._chance)
        return Target(
            keys[alias.version],
            reference.arn,
            reference.function.arn(),
            alias.name,
            choice if alias.weights else None,
        )

    async def _ready(self, reference: Reference, version: str) -> VersionKey:
        found = self._catalog.version(reference.function, version)
        if found is None:
            raise not_found(reference)
        return await self._deployer.ready(found)

    def _changed(self, keys: Collection[Key]) -> None:
        if any(key.kind in _DECISIVE for key in keys):
            self._found.clear()
