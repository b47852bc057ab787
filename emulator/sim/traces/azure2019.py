"""Reads the trace of Azure Functions of 2019: calls by the minute, durations and memory.

Three files, which In-Vitro uses in the same form: `invocations` with a column a minute, `durations`
with percentiles in ms, `memory` in MB. Source: Azure/AzurePublicDataset,
AzureFunctionsDataset2019 (Shahrad et al., ATC'20).
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from emulator.sim.distributions import Percentiles
from emulator.sim.traces.rows import amount, numbered, parsed
from emulator.sim.traces.trace import Trace, TracedFunction, spread
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path
    from random import Random

    from emulator.sim.traces.trace import Call

_MINUTE = 60.0
_LETTERS = 12
_COLUMNS = ("HashApp", "HashFunction", "1")
_SHARES = (0, 1, 25, 50, 75, 99, 100)
_PERCENTILES = tuple(f"percentile_Average_{share}" for share in _SHARES)


def read(folder: Path) -> Trace:
    """Reads the one file of each kind that a folder has, by the word in its name.

    Functions without durations or memory are kept: the reader of the trace chooses for them. The
    minutes of a day's 46,000 functions are 66 million numbers: they are read when calls are drawn,
    of the wanted functions alone.

    Raises:
        TraceError: a kind is missing or there twice, or a line is wrong.
    """
    path = _file(folder, "invocations")
    durations = dict(parsed(_file(folder, "durations"), _PERCENTILES, _durations))
    memory = dict(parsed(_file(folder, "memory"), ("HashApp", "AverageAllocatedMb"), _memory))
    functions = {
        name: TracedFunction(name, _of(memory, name), durations.get(name)) for name in _names(path)
    }
    minutes = _Minutes(path)
    return Trace(functions, minutes.calls, minutes.read, minutes.count)


class _Minutes:
    """Holds the calls by the minute of the functions that were asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[str, array[int]] = {}

    def read(self, names: Collection[str]) -> None:
        """Reads the functions that are not known yet."""
        missing = [name for name in names if name not in self._counts]
        if missing:
            self._counts |= _counted(self._path, frozenset(missing))

    def count(self, names: Collection[str]) -> int:
        """Returns the number of calls to some functions."""
        self.read(names)
        return sum(sum(self._counts[name]) for name in names)

    def calls(self, chance: Random, names: Collection[str]) -> Iterator[Call]:
        """Yields the calls to some functions."""
        self.read(names)
        known = [(name, self._counts[name]) for name in names]
        for minute in range(max((len(counts) for _, counts in known), default=0)):
            counts = {
                name: counts[minute]
                for name, counts in known
                if minute < len(counts) and counts[minute]
            }
            yield from spread(counts, minute * _MINUTE, _MINUTE, chance)


def _file(folder: Path, kind: str) -> Path:
    if not folder.is_dir():
        raise TraceError(
            f"{folder} is no folder; azure2019 reads the folder of a day's three files"
        )
    found = sorted(path for path in folder.glob("*.csv*") if kind in path.name.lower())
    if len(found) != 1:
        raise TraceError(f"{folder} has {len(found)} files with {kind} in their name; wanted one")
    return found[0]


def _name(row: Mapping[str, str]) -> str:
    return _short(row["HashApp"], row["HashFunction"])


def _short(app: str, function: str) -> str:
    return f"{app[:_LETTERS]}-{function[:_LETTERS]}"


def _names(path: Path) -> Iterator[str]:
    lines = numbered(path)
    app, function, _ = _places(path, next(lines, (1, ""))[1])
    for number, line in lines:
        # the hashes stand first, and what comes after them is long
        cells = line.split(",", max(app, function) + 1)
        if len(cells) <= max(app, function):
            raise TraceError(f"{path.name}, line {number}: a function's hashes are missing")
        yield _short(cells[app], cells[function])


def _places(path: Path, head: str) -> tuple[int, int, int]:
    """Returns the columns of application, function and the first minute."""
    names = head.strip().split(",")
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise TraceError(f"{path.name}, line 1: there is no column {', '.join(missing)}")
    return names.index("HashApp"), names.index("HashFunction"), names.index("1")


def _counted(path: Path, wanted: Collection[str]) -> Iterator[tuple[str, array[int]]]:
    """Yields the calls of each wanted function, minute by minute."""
    lines = numbered(path)
    app, function, first = _places(path, next(lines, (1, ""))[1])
    for number, line in lines:
        cells = line.rstrip().split(",")
        name = _short(cells[app], cells[function])
        if name not in wanted:
            continue
        try:
            yield name, array("I", map(int, cells[first:]))
        except (ValueError, OverflowError) as error:
            raise TraceError(f"{path.name}, line {number}: {error}") from None


def _durations(row: Mapping[str, str]) -> tuple[str, Percentiles]:
    seconds = (amount(row[column]) / 1000 for column in _PERCENTILES)
    points = zip((share / 100 for share in _SHARES), seconds, strict=True)
    return _name(row), Percentiles(tuple(points))


def _memory(row: Mapping[str, str]) -> tuple[str, float]:
    # Azure measured applications; In-Vitro's files have a row a function
    name = _name(row) if row.get("HashFunction") else row["HashApp"][:_LETTERS]
    return name, amount(row["AverageAllocatedMb"])


def _of(memory: Mapping[str, float], name: str) -> float | None:
    return memory.get(name, memory.get(name.partition("-")[0]))
