"""Gathers names that come several times in a request, as events have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Returns all values of each name, in their order."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def last_of(values: Mapping[str, list[str]]) -> dict[str, str]:
    """Returns the last value of each name, which is all that the single-valued members hold."""
    return {name: several[-1] for name, several in values.items()}
