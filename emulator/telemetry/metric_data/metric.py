"""Names metrics, and values of theirs at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.telemetry.metric_data.distribution import Distribution

MINUTE = 60
"""Seconds of the periods that metrics are kept in, unless they are of high resolution."""

Dimensions = tuple[tuple[str, str], ...]
"""Names and values, in the order of names."""


class Metric(NamedTuple):
    """Names one metric; equal ones are one series."""

    namespace: str
    name: str
    dimensions: Dimensions
    unit: str


class Sample(NamedTuple):
    """Holds the values of a metric in the period that begins at a time."""

    metric: Metric
    at: int
    """Epoch seconds: a whole minute, or any second for a metric of high resolution."""
    values: Distribution


def dimensions(named: Mapping[str, str]) -> Dimensions:
    """Returns dimensions in the order that makes equal ones equal."""
    return tuple(sorted(named.items()))


def minute_of(epoch: float) -> int:
    """Returns the epoch second at which the minute began."""
    return int(epoch) // MINUTE * MINUTE
