"""Finds metrics in log lines of the embedded metric format.

Source: "Specification: Embedded metric format" of the CloudWatch user guide. A document that breaks
the specification has no metrics, as with AWS.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from emulator.telemetry.metric_data.distribution import Distribution
from emulator.telemetry.metric_data.metric import Metric, Sample, dimensions, minute_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MARK = '"CloudWatchMetrics"'
_MOST_METRICS = 100
_MOST_VALUES = 100
_MOST_DIMENSIONS = 30
_HIGH_RESOLUTION = 1
"""StorageResolution of a metric that is kept by the second."""
_NO_UNIT = "None"
_LATEST = 10**11
"""Epoch second after which no time is meant seriously."""


def embedded_samples(message: str) -> list[Sample]:
    """Returns what a log event tells of metrics; nothing for any other event."""
    if _MARK not in message:
        return []
    try:
        document = json.loads(message)
        return list(_samples(document))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return []


def _samples(document: Mapping[str, Any]) -> Iterator[Sample]:
    metadata = document["_aws"]
    at = float(metadata["Timestamp"]) / 1000
    if not 0 <= at < _LATEST:
        return
    for directive in metadata["CloudWatchMetrics"]:
        named = directive["Metrics"]
        if len(named) > _MOST_METRICS:
            continue
        for metric in named:
            values = _values(document.get(metric["Name"]))
            if values is None:
                continue
            high = metric.get("StorageResolution") == _HIGH_RESOLUTION
            for owner in _dimensions(document, directive["Dimensions"]):
                unit = metric.get("Unit", _NO_UNIT)
                named_metric = Metric(directive["Namespace"], metric["Name"], owner, unit)
                if all(isinstance(part, str) for part in (*named_metric[:2], unit)):
                    yield Sample(named_metric, int(at) if high else minute_of(at), values)


def _values(target: Any) -> Distribution | None:
    """Returns the values that a metric's member has; None where they are no numbers."""
    members = target if isinstance(target, list) else [target]
    found = Distribution()
    for value in members:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value):
            return None
        found.add(float(value))
    return found if 0 < len(members) <= _MOST_VALUES else None


def _dimensions(
    document: Mapping[str, Any], sets: list[list[str]]
) -> Iterator[tuple[tuple[str, str], ...]]:
    for names in sets:
        values = {name: document.get(name) for name in names}
        if len(names) <= _MOST_DIMENSIONS and all(isinstance(v, str) for v in values.values()):
            yield dimensions({name: str(value) for name, value in values.items()})
