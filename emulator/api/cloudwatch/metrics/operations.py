"""Gathers CloudWatch's operations on metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.cloudwatch.metrics.data import DataOperations
from emulator.api.cloudwatch.metrics.listing import ListingOperations
from emulator.api.cloudwatch.metrics.statistics import StatisticsOperations
from emulator.api.cloudwatch.metrics.writing import MetricWritingOperations

if TYPE_CHECKING:
    from emulator.api.services.calls import Operation
    from emulator.live.store.metrics.archive import MetricArchive


def metric_operations(archive: MetricArchive) -> dict[str, Operation]:
    """Returns who serves which operation of `monitoring`."""
    return {
        **DataOperations(archive).operations(),
        **StatisticsOperations(archive).operations(),
        **ListingOperations(archive).operations(),
        **MetricWritingOperations(archive).operations(),
    }
