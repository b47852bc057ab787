"""Reads measurements of real AWS Lambda from a folder of files, and checks every line.

Knows the three kinds of file and no rule about Lambda: a long run of single requests, a burst of
requests at once, and init times by runtime and memory.
"""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from emulator.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Request:
    """Holds one request of a long run, as its client and AWS saw the request."""

    at: float
    """Seconds from the run's beginning to the request."""
    cold: bool
    duration: float
    """Seconds that AWS reported."""
    client: float
    """Seconds that the client waited."""
    sandbox: int
    """Number of the sandbox that served, in the order of first use."""


@dataclass(frozen=True, slots=True)
class LongRun:
    """Holds a run of single requests to one function, in the order of their arrival."""

    name: str
    requests: tuple[Request, ...]

    @property
    def cold(self) -> int:
        """Returns how many requests were cold starts; the first one's kind is chance."""
        return sum(request.cold for request in self.requests[1:])


@dataclass(frozen=True, slots=True)
class Shot:
    """Holds one request of a burst; all times are seconds from the burst's first request."""

    sent: float
    handler_began: float
    handler_ended: float
    answered: float
    sandbox: int
    memory_mb: int

    @property
    def handler(self) -> float:
        """Returns the seconds that the handler ran."""
        return self.handler_ended - self.handler_began

    @property
    def overhead(self) -> float:
        """Returns the seconds of the client's wait in which the handler did not run."""
        return self.answered - self.sent - self.handler

    @property
    def before_handler(self) -> float:
        """Returns the seconds from the client's request to the handler's first instruction."""
        return self.handler_began - self.sent


@dataclass(frozen=True, slots=True)
class Burst:
    """Holds one burst: requests that one client sent at once."""

    kind: str
    """What the function did, such as `sleep`; a kind that ends in `_warm` is a second burst."""
    size: int
    shots: tuple[Shot, ...]

    @property
    def name(self) -> str:
        """Returns the burst's kind and size as one word."""
        return f"{self.kind}-{self.size}"

    @property
    def sandboxes(self) -> int:
        """Returns how many sandboxes served the burst."""
        return len({shot.sandbox for shot in self.shots})


@dataclass(frozen=True, slots=True)
class InitTimes:
    """Holds the measured inits of one function at one memory size."""

    runtime: str
    package: str
    """zip or image."""
    architecture: str
    memory_mb: int
    init_ms: tuple[float, ...]


def long_runs(folder: Path) -> list[LongRun]:
    """Reads every `pacslab-*.csv.gz` of a folder, in the order of their names.

    Raises:
        DatasetError: there is none, or a line is wrong.
    """
    return [
        LongRun(path.name.removesuffix(".csv.gz"), tuple(_rows(path, _request)))
        for path in _files(folder, "pacslab-*.csv.gz")
    ]


def bursts(folder: Path) -> list[Burst]:
    """Reads every `burst-KIND-N.csv` of a folder, by kind and size.

    Raises:
        DatasetError: there is none, or a line or a name is wrong.
    """
    found = []
    for path in _files(folder, "burst-*-*.csv"):
        _, kind, size = path.stem.split("-", 2)
        if not size.isdecimal():
            raise DatasetError(f"{path.name}: a burst's file is named burst-KIND-N.csv")
        shots = tuple(sorted(_rows(path, _shot), key=lambda shot: shot.sent))
        found.append(Burst(kind, int(size), shots))
    return sorted(found, key=lambda burst: (burst.kind, burst.size))


def init_times(folder: Path) -> list[InitTimes]:
    """Reads the newest `lambda-perf-*.json` of a folder.

    Raises:
        DatasetError: there is none, or the file is not as it should be.
    """
    path = _files(folder, "lambda-perf-*.json")[-1]
    try:
        content = json.loads(path.read_text())
        return [_init_times(entry) for entry in content["runtimeData"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path.name}: {error!r} while init times were read") from None


def _files(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    if not found:
        raise DatasetError(f"{folder} has no file {pattern}.")
    return found


def _rows(path: Path, parse: Callable[[Mapping[str, str]], Row]) -> Iterator[Row]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        rows = csv.DictReader(lines)
        for row in rows:
            try:
                yield parse(row)
            except (KeyError, TypeError, ValueError) as error:
                raise DatasetError(f"{path.name}, line {rows.line_num}: {error!r}") from None


def _request(row: Mapping[str, str]) -> Request:
    return Request(
        float(row["at_s"]),
        row["cold"] == "1",
        float(row["duration_ms"]) / 1000,
        float(row["client_s"]),
        int(row["sandbox"]),
    )


def _shot(row: Mapping[str, str]) -> Shot:
    sent, began, ended, answered = (
        float(row[name]) / 1000
        for name in ("client_start_ms", "handler_start_ms", "handler_end_ms", "client_end_ms")
    )
    return Shot(sent, began, ended, answered, int(row["sandbox"]), int(row["memory_mb"]))


def _init_times(entry: Mapping[str, Any]) -> InitTimes:
    inits = tuple(float(init) for init in entry["i"])
    return InitTimes(str(entry["d"]), str(entry["p"]), str(entry["a"]), int(entry["m"]), inits)
