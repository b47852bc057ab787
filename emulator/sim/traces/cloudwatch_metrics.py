"""Reads CloudWatch's metrics of functions: what `aws cloudwatch get-metric-data` answers, as JSON.

A series is known by a word of its label, or of its Id where the label has none: `Invocations`
(Sum) are a period's calls, spread evenly over the period, and `Duration` (any statistic, as
Average) is how long each of these takes. All other series are passed over: ConcurrentExecutions is
what a simulation predicts. The other words name the function, else the file's name does. An answer
does not tell its period, which is taken to be the least time between two of its timestamps. Source:
CloudWatch API reference, GetMetricData and MetricDataResult.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from emulator.sim.traces.rows import whole
from emulator.sim.traces.trace import Call, Trace, TracedFunction, spread
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path
    from random import Random

_CALLS, _DURATION = "invocations", "duration"
_STATISTICS = frozenset({"sum", "average", "minimum", "maximum", "samplecount"})
_LABEL_WORDS = re.compile(r"[\w.$-]+")
_PERCENTILE = re.compile(r"p\d[\d.]*")
_LEAST_PERIOD = 60.0
"""Seconds between two values of AWS/Lambda's metrics at least, and where there is but one value."""


@dataclass(slots=True)
class _Metrics:
    """Holds what the series of an answer tell, by function and the beginning of a period."""

    counts: dict[tuple[str, float], int] = field(default_factory=Counter)
    durations: dict[tuple[str, float], float] = field(default_factory=dict)


def read(path: Path) -> Trace:
    """Reads the series of one answer, in any order of their values.

    Raises:
        TraceError: the file is no such answer, a value or a time of it is wrong, or there are no
            invocations.
    """
    metrics = _Metrics()
    results, labels = _results(path), []
    for place, result in enumerate(results):
        labels.append(_take(result, metrics, path, f"MetricDataResults[{place}]"))
    if not metrics.counts:
        found = ", ".join(filter(None, labels)) or "none"
        raise TraceError(f"{path.name} has no values of a series called Invocations, but {found}")
    times = sorted({at for _, at in metrics.counts})
    period = min((later - at for at, later in pairwise(times)), default=_LEAST_PERIOD)
    names = sorted({name for name, _ in metrics.counts})

    def calls(chance: Random, wanted: Collection[str]) -> Iterator[Call]:
        for at in times:
            counts = {name: metrics.counts.get((name, at), 0) for name in names if name in wanted}
            for call in spread(counts, at - times[0], period, chance):
                name = call.function
                yield Call(call.at, name, metrics.durations.get((name, at)))

    return Trace({name: TracedFunction(name) for name in names}, calls)


def _results(path: Path) -> list[Any]:
    try:
        printed = json.loads(whole(path))
    except json.JSONDecodeError as error:
        raise TraceError(f"{path.name}, line {error.lineno}: no JSON, {error.msg}") from None
    results = printed.get("MetricDataResults") if isinstance(printed, dict) else None
    if not isinstance(results, list):
        raise TraceError(
            f"{path.name} has no list MetricDataResults: wanted is what `aws cloudwatch "
            "get-metric-data --output json` prints"
        )
    return results


def _take(result: Any, metrics: _Metrics, path: Path, key: str) -> str:
    """Takes a series into the metrics, and returns its label."""
    where = f"{path.name}, {key}"
    if not isinstance(result, dict):
        raise TraceError(f"{where}: no JSON object")
    label = str(result.get("Label") or result.get("Id") or "")
    metric, name = _known_by(result)
    if not metric:
        return label
    function = name or path.name.partition(".")[0]
    if (status := result.get("StatusCode", "Complete")) != "Complete":
        raise TraceError(f"{where}.StatusCode: {status}, so that values are missing ({label})")
    for at, value in _values(result, where):
        if metric == _DURATION:
            metrics.durations[function, at] = value / 1000
        elif value != int(value):
            raise TraceError(f"{where}.Values: {value} calls; ask for the statistic Sum ({label})")
        else:
            metrics.counts[function, at] += int(value)
    return label


def _known_by(result: Mapping[str, Any]) -> tuple[str, str]:
    """Returns a series' metric, empty where nobody wants that, and the function where named."""
    for words in (
        _LABEL_WORDS.findall(str(result.get("Label") or "")),
        str(result.get("Id") or "").split("_"),
    ):
        small = [word.lower() for word in words]
        for metric in (_CALLS, _DURATION):
            if metric in small:
                return metric, " ".join(word for word in words if not _is_known(word, metric))
    return "", ""


def _is_known(word: str, metric: str) -> bool:
    small = word.lower()
    return small == metric or small in _STATISTICS or bool(_PERCENTILE.fullmatch(small))


def _values(result: Mapping[str, Any], where: str) -> Iterator[tuple[float, float]]:
    """Yields each value of a series with its time, in seconds since 1970."""
    times, values = (result.get(name) for name in ("Timestamps", "Values"))
    if not isinstance(times, list) or not isinstance(values, list):
        raise TraceError(f"{where}: Timestamps and Values are no lists")
    if len(times) != len(values):
        raise TraceError(f"{where}: {len(times)} Timestamps, but {len(values)} Values")
    for place, (at, value) in enumerate(zip(times, values, strict=True)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:  # noqa: PLR2004
            raise TraceError(f"{where}.Values[{place}]: {value!r} is no number from 0 on")
        yield _time(at, f"{where}.Timestamps[{place}]"), value


def _time(told: Any, where: str) -> float:
    if isinstance(told, int | float) and not isinstance(told, bool):
        return float(told)
    try:
        at = datetime.fromisoformat(str(told))
    except ValueError:
        raise TraceError(f"{where}: {told!r} is no time") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
