"""Prints what a command found: tables for people, JSON for scripts.

Colours and bars are only for terminals. Text for a pipe is neither coloured nor cut to a width.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PIPE_WIDTH = 10_000


def print_json(value: Any) -> None:
    """Prints one JSON document; figures that are no numbers become null."""
    print(json.dumps(plain(value), indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """Returns facts as JSON has them: dataclasses as objects, enums by value, paths as text."""
    if isinstance(value, Enum):
        return plain(value.value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def print_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()
) -> None:
    """Prints a table; columns whose heads are in `right` hold figures."""
    from rich.console import Console  # noqa: PLC0415  # slow to import, and not for every command
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in head:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(
        file=sys.stdout,
        width=None if sys.stdout.isatty() else _PIPE_WIDTH,
        highlight=False,
        markup=False,
    )
    console.print(table)


@contextlib.contextmanager
def progress_to_stderr(*, when: bool) -> Iterator[None]:
    """Sends what a command tells on its way to stderr, so that stdout holds one JSON document."""
    with contextlib.redirect_stdout(sys.stderr) if when else contextlib.nullcontext():
        yield
