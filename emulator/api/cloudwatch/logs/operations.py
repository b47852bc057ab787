"""Gathers CloudWatch Logs' operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.cloudwatch.logs.groups import GroupOperations
from emulator.api.cloudwatch.logs.insights import InsightsOperations
from emulator.api.cloudwatch.logs.live_tail import TailOperations
from emulator.api.cloudwatch.logs.reading import ReadingOperations
from emulator.api.cloudwatch.logs.streams import StreamOperations
from emulator.api.cloudwatch.logs.writing import WritingOperations

if TYPE_CHECKING:
    from emulator.api.services.calls import Operation
    from emulator.live.store.logs.archive import LogArchive


def log_operations(archive: LogArchive) -> dict[str, Operation]:
    """Returns who serves which operation of `logs`."""
    return {
        **GroupOperations(archive).operations(),
        **StreamOperations(archive).operations(),
        **WritingOperations(archive).operations(),
        **ReadingOperations(archive).operations(),
        **TailOperations(archive).operations(),
        **InsightsOperations(archive).operations(),
    }
