"""Names the formats of traces that can be read."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from emulator.sim.traces import (
    access_log,
    api_gateway,
    azure2019,
    azure2021,
    cloudwatch,
    cloudwatch_metrics,
    huawei,
    run,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from emulator.sim.traces.trace import Trace

FORMATS: Mapping[str, Callable[[Path], Trace]] = MappingProxyType(
    {
        "csv": table.read,
        "azure2019": azure2019.read,
        "azure2021": azure2021.read,
        "huawei": huawei.read,
        "access-log": access_log.read,
        "cloudwatch": cloudwatch.read,
        "cloudwatch-metrics": cloudwatch_metrics.read,
        "api-gateway": api_gateway.read,
        "run": run.read,
    }
)
"""Readers by the name of their format. azure2019, huawei and run read a folder, the last two a file
too."""
