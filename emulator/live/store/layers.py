"""Describes versions of layers, their names, and how documents of theirs look."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.core.function_names import Scope
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.live.store.resources import Document, Resources

_ARN = re.compile(
    r"arn:aws[a-zA-Z-]*:lambda:([a-z]{2}(?:-[a-z]+)+-\d):(\d{12}):layer:([a-zA-Z0-9-_]+)(?::(\d+))?"
)


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """Holds one version of a layer."""

    scope: Scope
    name: str
    number: int
    archive: str
    """Name of the zip in the emulator's store of code."""
    sha256: str
    """SHA-256 of the zip in base64."""
    size: int
    """Bytes of the zip."""
    unzipped: int
    """Bytes of its files."""
    created: str
    """Time of publication, as CreatedDate has it."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """Description, CompatibleRuntimes, CompatibleArchitectures and LicenseInfo, as far as said."""

    @property
    def layer_arn(self) -> str:
        return self.scope.arn("lambda", f"layer:{self.name}")

    @property
    def arn(self) -> str:
        return f"{self.layer_arn}:{self.number}"

    @property
    def document(self) -> Document:
        return {
            "archive": self.archive,
            "sha256": self.sha256,
            "size": self.size,
            "unzipped": self.unzipped,
            "created": self.created,
            "members": self.members,
        }


class Layers:
    """Finds the layers of every account and region."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def names(self, scope: Scope) -> list[str]:
        """Returns the names of the layers that have versions, sorted."""
        found = self._resources.all(scope, Kind.LAYER)
        return sorted(name for name, numbers in found.items() if any(numbers))

    def versions(self, scope: Scope, name: str) -> list[LayerVersion]:
        """Returns a layer's versions, the latest first."""
        found = self._resources.named(scope, Kind.LAYER, name)
        numbers = sorted((int(number) for number in found if number), reverse=True)
        return [LayerVersion(scope, name, number, **found[str(number)]) for number in numbers]

    def version(self, scope: Scope, name: str, number: int) -> LayerVersion | None:
        """Returns a version of a layer; None where there is none such."""
        document = self._resources.get(_key(scope, name, number))
        return None if document is None else LayerVersion(scope, name, number, **document)

    def next_number(self, scope: Scope, name: str) -> int:
        """Returns the number of a layer's next version; no number is given twice."""
        document = self._resources.get(_counter(scope, name))
        return 1 if document is None else int(document["next"])

    def sizes(self, scope: Scope) -> list[int]:
        """Returns the bytes of each layer's version."""
        return [document["size"] for document in self._documents(scope)]

    def archives(self) -> set[str]:
        """Returns the names of the zips of all layers."""
        scopes = self._resources.scopes(Kind.LAYER)
        return {found["archive"] for scope in scopes for found in self._documents(scope)}

    async def publish(self, layer: LayerVersion) -> None:
        """Adds a version, whose number is the layer's `next_number`."""
        await self._resources.change(
            {
                _counter(layer.scope, layer.name): {"next": layer.number + 1},
                _key(layer.scope, layer.name, layer.number): layer.document,
            }
        )

    async def delete(self, scope: Scope, name: str, number: int) -> None:
        """Takes a version away with its policy; functions that have the version keep its files."""
        policy = Key(scope, Kind.LAYER_POLICY, name, str(number))
        keys = (_key(scope, name, number), policy)
        await self._resources.change({key: None for key in keys if self._resources.get(key)})

    def _documents(self, scope: Scope) -> Iterator[Document]:
        for numbers in self._resources.all(scope, Kind.LAYER).values():
            yield from (document for number, document in numbers.items() if number)


def _key(scope: Scope, name: str, number: int) -> Key:
    return Key(scope, Kind.LAYER, name, str(number))


def _counter(scope: Scope, name: str) -> Key:
    return Key(scope, Kind.LAYER, name)


def layer_reference(arn: str) -> tuple[Scope, str, int] | None:
    """Returns what the ARN of a layer's version names; None where it is no such ARN."""
    found = _ARN.fullmatch(arn)
    if found is None or found[4] is None:
        return None
    return Scope(found[2], found[1]), found[3], int(found[4])


def layer_name(text: str, asked: Scope) -> tuple[Scope, str]:
    """Returns the layer that a name or an ARN without a version means."""
    found = _ARN.fullmatch(text)
    return (asked, text) if found is None else (Scope(found[2], found[1]), found[3])
