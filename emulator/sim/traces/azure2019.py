"""Reads the trace of Azure Functions of 2019: calls by the minute, durations and memory.

Three files, which In-Vitro uses in the same form: `invocations` with a column a minute, `durations`
with percentiles in ms, `memory` in MB. Source: Azure/AzurePublicDataset,
AzureFunctionsDataset2019 (Shahrad et al., ATC'20).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.sim.distributions import Percentiles
from emulator.sim.traces.rows import amount, parsed
from emulator.sim.traces.trace import Call, Trace, TracedFunction, spread
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from random import Random

_MINUTE = 60.0
_LETTERS = 12
_SHARES = (0, 1, 25, 50, 75, 99, 100)
_PERCENTILES = tuple(f"percentile_Average_{share}" for share in _SHARES)


@dataclass(frozen=True, slots=True)
class _Minutes:
    """Holds a function's calls, minute by minute."""

    name: str
    counts: tuple[int, ...]


def read(folder: Path) -> Trace:
    """Reads the one file of each kind that a folder has, by the word in its name.

    Functions without durations or memory are kept: the reader of the trace chooses for them.

    Raises:
        TraceError: a kind is missing or there twice, or a line is wrong.
    """
    minutes = list(parsed(_file(folder, "invocations"), ("HashFunction", "1"), _minutes))
    durations = dict(parsed(_file(folder, "durations"), _PERCENTILES, _durations))
    memory = dict(parsed(_file(folder, "memory"), ("HashApp", "AverageAllocatedMb"), _memory))
    functions = {
        each.name: TracedFunction(each.name, _of(memory, each.name), durations.get(each.name))
        for each in minutes
    }
    return Trace(functions, lambda chance: _calls(minutes, chance))


def _file(folder: Path, kind: str) -> Path:
    found = sorted(path for path in folder.glob("*.csv*") if kind in path.name.lower())
    if len(found) != 1:
        raise TraceError(f"{folder} has {len(found)} files with {kind} in their name; wanted one")
    return found[0]


def _name(row: Mapping[str, str]) -> str:
    return f"{row['HashApp'][:_LETTERS]}-{row['HashFunction'][:_LETTERS]}"


def _minutes(row: Mapping[str, str]) -> _Minutes:
    counts: list[int] = []
    while (text := row.get(str(len(counts) + 1))) is not None:
        counts.append(int(text))
    return _Minutes(_name(row), tuple(counts))


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


def _calls(minutes: list[_Minutes], chance: Random) -> Iterator[Call]:
    for minute in range(max((len(each.counts) for each in minutes), default=0)):
        counts = {
            each.name: each.counts[minute]
            for each in minutes
            if minute < len(each.counts) and each.counts[minute]
        }
        yield from spread(counts, minute * _MINUTE, _MINUTE, chance)
