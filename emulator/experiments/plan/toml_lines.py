"""Finds the line of a TOML file on which a value stands, for messages about the value.

`tomllib` tells no places. Owns how headers, arrays of tables and keys are recognized in text that
`tomllib` has already read; a value inside another has the line of the nearest key around it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Path = tuple[int | str, ...]
"""Keys, and indices from 0 of a list's items."""
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_LONG = ('"""', "'''")


def line_of(text: str, path: Sequence[int | str]) -> int | None:
    """Returns the number of the line, from 1, of a path's value, or of what is nearest around it.

    None where nothing around the value stands in the text.
    """
    lines = _lines(text)
    for length in range(len(path), 0, -1):
        if (number := lines.get(tuple(path[:length]))) is not None:
            return number
    return None


def _lines(text: str) -> dict[Path, int]:
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    end = ""
    for number, line in enumerate(text.splitlines(), 1):
        if end:
            end = "" if end in line else end
        elif header := _HEADER.match(line):
            table = _table(_parts(header[2]), counts, is_item=header[1] == "[[")
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_parts(key[1])), number)
            end = next((mark for mark in _LONG if line.count(mark) == 1), "")
    return found


def _parts(name: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(name))


def _table(names: Path, counts: dict[Path, int], *, is_item: bool) -> Path:
    """Returns the path of a header; a name of an earlier array of tables means its last item."""
    path: Path = ()
    for place, name in enumerate(names, 1):
        path = (*path, name)
        if is_item and place == len(names):
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = (*path, counts[path] - 1)
    return path
