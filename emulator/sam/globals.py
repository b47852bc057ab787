"""Merges a function's own properties with those of Globals.

Source: the AWS SAM specification, "Globals section": of a single value the function's own
overrides, mappings merge key by key, and lists add up, those of Globals first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from emulator.sam.nodes import Entry, NodeReader


@dataclass(frozen=True, slots=True)
class Option:
    """Holds each place that states one key of a merged mapping, in the order of precedence."""

    places: tuple[Entry, ...]
    """The entry of Globals before the function's own; a message calls them by their keys."""

    @property
    def last(self) -> Entry:
        """The place that counts, where the value is single."""
        return self.places[-1]


@dataclass(frozen=True, slots=True)
class FunctionProperties:
    """Holds a function's entries: its own, and those that Globals state for all."""

    entry: Entry
    own: Mapping[str, Entry]
    shared: Mapping[str, Entry]
    metadata: Entry | None

    @property
    def id(self) -> str:
        return self.entry.key

    @property
    def line(self) -> int:
        return self.entry.line

    def where(self, entry: Entry) -> str:
        """Returns what a message calls a property, so that a fault of Globals is told once."""
        owner = "Globals" if self.shared.get(entry.key) is entry else self.id
        return f"{owner}: {entry.key}"

    def one(self, name: str) -> Entry | None:
        """Returns the entry of a single value: the function's own before that of Globals."""
        return self.own.get(name) or self.shared.get(name)

    def all(self, name: str) -> list[Entry]:
        """Returns the entries of a mapping or list, which add up: those of Globals first."""
        return [part[name] for part in (self.shared, self.own) if name in part]

    def option(self, name: str) -> Option | None:
        """Returns a mapping to be merged; None where nobody states it."""
        places = tuple(replace(entry, key=self.where(entry)) for entry in self.all(name))
        return Option(places) if places else None


def merged(option: Option | None, nodes: NodeReader, known: Collection[str]) -> dict[str, Option]:
    """Returns the keys of a mapping, with each place that states them."""
    found: dict[str, Option] = {}
    for place in option.places if option else ():
        for key, entry in nodes.entries(place.node, place.key, known).items():
            stated = replace(entry, key=f"{place.key}: {key}")
            before = found[key].places if key in found else ()
            found[key] = Option((*before, stated))
    return found
