"""Holds CloudWatch's two halves, logs and metrics, over one database.

Owns the order in which they begin and end, and nothing of what they do.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from emulator.live.store.logs.archive import LogArchive
from emulator.live.store.logs.schema import LOGS
from emulator.live.store.metrics.archive import MetricArchive, store_embedded
from emulator.live.store.metrics.schema import METRICS
from emulator.telemetry.metric_data.gateway_metrics import GatewayMetrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.function_names import Scope
    from emulator.live.store.database import Database

LOG_SCHEMAS = (LOGS, METRICS)
"""What the logs' database must be opened with."""


class CloudWatch:
    """Keeps logs and metrics; the database stays its owner's, and is closed after `close`.

    `limit` is in bytes of log events, `home` the emulator's own account and region.
    """

    def __init__(
        self,
        database: Database,
        *,
        limit: int,
        home: Scope,
        wall_time: Callable[[], float] = time.time,
    ) -> None:
        self.home = home
        self.logs = LogArchive(database, limit=limit, wall_time=wall_time, watch=store_embedded)
        self.metrics = MetricArchive(database, home, wall_time=wall_time)
        self.gateway = GatewayMetrics()
        self.metrics.gather(self.gateway)

    async def close(self) -> None:
        """Writes what is left."""
        await self.logs.close()
        await self.metrics.close()
