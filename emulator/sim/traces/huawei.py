"""Reads Huawei's time series of 2023 and 2025: a row a minute, a column a function.

The columns `day` and `time` (seconds) come first, then a column for each function with its number
of requests; an empty cell is none. In the data of 2025 a column's name ends in the pool, such as
`400---418---pool22-300-128`: 128 MB. Source: sir-lab/data-release (SoCC'23, EuroSys'25).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.sim.distributions import Constant
from emulator.sim.traces.rows import amount, head, parsed
from emulator.sim.traces.trace import Trace, TracedFunction, spread

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path
    from random import Random

    from emulator.sim.traces.trace import Call

_NOT_FUNCTIONS = ("day", "time")
_MINUTE = 60.0
_POOL = re.compile(r"pool\d+-\d+-(\d+)$")


def read(path: Path, delays: Path | None = None) -> Trace:
    """Reads the requests of a file, or of all CSV files of a folder in the order of their names.

    Args:
        path: requests by the minute.
        delays: the same for mean execution times in seconds; each function has the mean of its.

    Raises:
        TraceError: a file cannot be read, or a line is wrong.
    """
    files = _files(path)
    durations = _mean_delays(delays) if delays else {}
    names = list(dict.fromkeys(name for file in files for name in _columns(file)))
    functions = {
        name: TracedFunction(name, _memory(name), _constant(durations.get(name))) for name in names
    }
    return Trace(functions, lambda chance, names: _calls(files, chance, names))


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.csv*")) if path.is_dir() else [path]


def _columns(file: Path) -> list[str]:
    return [name for name in head(file) if name and name not in _NOT_FUNCTIONS]


def _memory(name: str) -> float | None:
    found = _POOL.search(name)
    return float(found[1]) if found else None


def _constant(seconds: float | None) -> Constant | None:
    return None if seconds is None else Constant(seconds)


def _minutes(file: Path) -> Iterator[tuple[float, dict[str, float]]]:
    def minute(row: Mapping[str, str]) -> tuple[float, dict[str, float]]:
        values = {
            name: amount(text)
            for name, text in row.items()
            if name and name not in _NOT_FUNCTIONS and text
        }
        return amount(row["time"]), values

    yield from parsed(file, ("time",), minute)


def _calls(files: list[Path], chance: Random, names: Collection[str]) -> Iterator[Call]:
    begin = None
    for file in files:
        for at, values in _minutes(file):
            begin = at if begin is None else begin
            counts = {name: round(value) for name, value in values.items() if name in names}
            yield from spread(counts, at - begin, _MINUTE, chance)


def _mean_delays(path: Path) -> dict[str, float]:
    sums: dict[str, tuple[float, int]] = {}
    for file in _files(path):
        for _, values in _minutes(file):
            for name, value in values.items():
                total, number = sums.get(name, (0.0, 0))
                sums[name] = (total + value, number + 1)
    return {name: total / number for name, (total, number) in sums.items()}
