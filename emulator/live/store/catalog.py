"""Knows the functions of every account and region: their versions, aliases and configurations.

Owns how a name is resolved. How a version becomes one that can be invoked is `live.functions`'
matter; what a client may ask for is the API's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.function_names import FunctionName, Reference, is_version
from emulator.core.version_key import LATEST
from emulator.errors import ResourceNotFoundError
from emulator.live.store.function_records import (
    Alias,
    Function,
    Version,
    alias_key,
    alias_of,
    function_key,
    function_of,
    key_of,
    version_key,
    version_of,
)
from emulator.live.store.layers import Layers
from emulator.live.store.resources import OF_FUNCTIONS, Key, Kind

if TYPE_CHECKING:
    from emulator.core.function_names import Scope
    from emulator.live.store.resources import Resources


class Catalog:
    """Finds functions by every form of their name; all that is asked for is in memory."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        """Where all documents are, those of functions' settings included."""
        self.layers = Layers(resources)

    # what is there

    def functions(self, scope: Scope) -> list[Function]:
        """Returns the functions of an account and region, by name."""
        found = self.resources.all(scope, Kind.FUNCTION)
        return [function_of(FunctionName(scope, name), found[name][""]) for name in sorted(found)]

    def all_functions(self) -> list[Function]:
        """Returns the functions of every account and region."""
        scopes = self.resources.scopes(Kind.FUNCTION)
        return [function for scope in scopes for function in self.functions(scope)]

    def function(self, name: FunctionName) -> Function | None:
        """Returns a function; None where there is none of the name."""
        document = self.resources.get(function_key(name))
        return None if document is None else function_of(name, document)

    def versions(self, name: FunctionName) -> list[Version]:
        """Returns a function's versions, `$LATEST` first, then by number."""
        found = self.resources.named(name.scope, Kind.VERSION, name.name)
        order = sorted(found, key=lambda version: 0 if version == LATEST else int(version))
        return [version_of(name, version, found[version]) for version in order]

    def version(self, name: FunctionName, version: str = LATEST) -> Version | None:
        """Returns a version by its number or `$LATEST`; None where there is none such."""
        document = self.resources.get(version_key(name, version))
        return None if document is None else version_of(name, version, document)

    def aliases(self, name: FunctionName) -> list[Alias]:
        """Returns a function's aliases, by name."""
        found = self.resources.named(name.scope, Kind.ALIAS, name.name)
        return [alias_of(name, alias, found[alias]) for alias in sorted(found)]

    def alias(self, name: FunctionName, alias: str) -> Alias | None:
        """Returns an alias; None where there is none of the name."""
        document = self.resources.get(alias_key(name, alias))
        return None if document is None else alias_of(name, alias, document)

    def existing(self, name: FunctionName) -> Function:
        """Returns a function.

        Raises:
            ResourceNotFoundError: there is none of the name.
        """
        found = self.function(name)
        if found is None:
            raise not_found(Reference(name))
        return found

    def find(self, reference: Reference) -> Version:
        """Returns the version that a caller's name leads to; an alias leads to its main version.

        Raises:
            ResourceNotFoundError: there is no such function, version or alias.
        """
        qualifier = reference.qualifier or LATEST
        if not is_version(qualifier):
            alias = self.alias(reference.function, qualifier)
            qualifier = "" if alias is None else alias.version
        found = self.version(reference.function, qualifier)
        if found is None:
            raise not_found(reference)
        return found

    # changes

    async def save(self, *changed: Function | Version | Alias) -> None:
        """Puts functions, versions and aliases in the place of earlier ones; all or none."""
        await self.resources.change({key_of(one): one.document for one in changed})

    async def delete(self, function: FunctionName) -> None:
        """Takes a function away with all versions, aliases and settings."""
        scope, name = function.scope, function.name
        await self.resources.change(
            {
                Key(scope, kind, name, qualifier): None
                for kind in OF_FUNCTIONS
                for qualifier in self.resources.named(scope, kind, name)
            }
        )

    async def delete_qualifier(self, function: FunctionName, qualifier: str) -> None:
        """Takes a published version or an alias away, with what is set for its name."""
        keys = (Key(function.scope, kind, function.name, qualifier) for kind in OF_FUNCTIONS)
        await self.resources.change(
            {key: None for key in keys if self.resources.get(key) is not None}
        )

    # zips

    def code_size(self, scope: Scope) -> int:
        """Returns the bytes of all versions and layers of an account in a region, as zips.

        The documents are read as they are, since each new function asks.
        """
        found = self.resources.all(scope, Kind.VERSION).values()
        versions: int = sum(one["code"]["size"] for versions in found for one in versions.values())
        return versions + sum(self.layers.sizes(scope))

    def archives(self) -> set[str]:
        """Returns the names of all zips that a version or a layer needs."""
        needed = set()
        for scope in self.resources.scopes(Kind.VERSION):
            for versions in self.resources.all(scope, Kind.VERSION).values():
                for document in versions.values():
                    needed |= {document["code"]["archive"], *document["code"]["layer_archives"]}
        return needed | self.layers.archives()


def not_found(reference: Reference) -> ResourceNotFoundError:
    """Returns AWS's refusal of a name that no function has."""
    return ResourceNotFoundError(f"Function not found: {reference.arn}")
