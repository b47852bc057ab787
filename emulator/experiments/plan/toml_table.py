"""Reads a plan's TOML tables into typed values, gathering every fault with its place.

It knows TOML's types and how a place in a plan is called (`scenario[2].seconds`); what a plan may
say is its caller's. A method that meets a fault notes it and returns the default.
"""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

T = TypeVar("T")


class PlanFaults:
    """What is wrong with one plan, in the order in which it was found."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}

    def add(self, place: str, message: str) -> None:
        self._found[f"{place}: {message}"] = None

    def lines(self) -> list[str]:
        return list(self._found)

    def __bool__(self) -> bool:
        return bool(self._found)


class Table:
    """One table of the plan; `place` is what messages call it, empty for the plan itself."""

    def __init__(self, raw: Mapping[str, Any], place: str, faults: PlanFaults) -> None:
        self.place = place
        self._raw = raw
        self._faults = faults

    def __contains__(self, key: str) -> bool:
        return key in self._raw

    def at(self, key: str) -> str:
        """What a message calls the value at the key."""
        return f"{self.place}.{key}" if self.place else key

    def fault(self, key: str, message: str) -> None:
        self._faults.add(self.at(key), message)

    def known(self, keys: Collection[str], why: str = "is not known") -> None:
        """Every other key is a fault."""
        for key in self._raw:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, 1, 0.7)
                self.fault(key, why + (f"; did you mean {near[0]!r}?" if near else ""))

    def table(self, key: str) -> Table:
        """The table at the key; an empty one where there is none."""
        return self._as_table(self._raw.get(key, {}), self.at(key))

    def tables(self, key: str) -> list[Table]:
        """The array of tables at the key, counted from 1 in messages."""
        raw = self._raw.get(key, [])
        if not isinstance(raw, list):
            self.fault(key, f"must be a list of tables, [[{key}]]")
            return []
        if key in self._raw and not raw:
            self.fault(key, "must name at least one")
        return [
            self._as_table(each, f"{self.at(key)}[{index}]") for index, each in enumerate(raw, 1)
        ]

    def named_tables(self, key: str) -> dict[str, Table]:
        """The tables below the key, by their names."""
        section = self.table(key)
        return {name: section.table(name) for name in section._raw}  # noqa: SLF001  # its own kind

    def _as_table(self, raw: Any, place: str) -> Table:
        if not isinstance(raw, dict):
            self._faults.add(place, "must be a table")
            raw = {}
        return Table(raw, place, self._faults)

    def text(self, key: str, default: str) -> str:
        value = self._raw.get(key, default)
        if not isinstance(value, str) or (key in self._raw and not value):
            self.fault(key, f"must be text, not {value!r}")
            return default
        return value

    def number(self, key: str, default: float, *, least: float = 0.0, above: bool = False) -> float:
        """A number of at least `least`, or with `above` one that is greater."""
        return self._checked(key, default, lambda raw: as_number(raw, least, above=above))

    def whole(self, key: str, default: int, *, least: int = 0) -> int:
        return self._checked(key, default, lambda raw: as_whole(raw, least))

    def file(self, key: str, folder: Path) -> Path | None:
        """The path of a file that must be there, relative to the plan's folder."""
        return self._path(key, folder, "file")

    def folder(self, key: str, folder: Path) -> Path | None:
        return self._path(key, folder, "folder")

    def _path(self, key: str, folder: Path, kind: str) -> Path | None:
        if key not in self._raw or not (named := self.text(key, "")):
            return None
        path = folder / named
        if path.is_file() if kind == "file" else path.is_dir():
            return path.resolve()
        self.fault(key, f"there is no {kind} {path}")
        return None

    def values(
        self, key: str, default: tuple[T, ...], parse: Callable[[Any], T], *, repeats: bool = False
    ) -> tuple[T, ...]:
        """One value or a list of them; `parse` raises ValueError with what is wrong."""
        if key not in self._raw:
            return default
        raw = self._raw[key]
        items = raw if isinstance(raw, list) else [raw]
        if not items:
            self.fault(key, "must name at least one")
        found: list[T] = []
        for index, item in enumerate(items, 1):
            place = f"{key}[{index}]" if isinstance(raw, list) else key
            try:
                value = parse(item)
            except ValueError as error:
                self.fault(place, str(error))
                continue
            if value in found and not repeats:
                self.fault(place, f"{value} stands twice")
            else:
                found.append(value)
        return tuple(found)

    def _checked(self, key: str, default: T, parse: Callable[[Any], T]) -> T:
        if key not in self._raw:
            return default
        try:
            return parse(self._raw[key])
        except ValueError as error:
            self.fault(key, str(error))
            return default


def as_number(raw: Any, least: float = 0.0, *, above: bool = False) -> float:
    """Raises ValueError with what is wrong."""
    good = isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw)
    if not good or raw < least or (above and raw == least):
        wanted = f"above {least:g}" if above else f"of at least {least:g}"
        raise ValueError(f"must be a number {wanted}, not {raw!r}")
    return float(raw)


def as_whole(raw: Any, least: int = 0) -> int:
    """Raises ValueError with what is wrong."""
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < least:
        raise ValueError(f"must be a whole number of at least {least}, not {raw!r}")
    return raw


def one_of(choices: Collection[str]) -> Callable[[Any], str]:
    """Parses a text that must be one of the choices."""

    def parse(raw: Any) -> str:
        if not isinstance(raw, str) or raw not in choices:
            raise ValueError(f"{raw!r} is none of {', '.join(choices)}")
        return raw

    return parse
