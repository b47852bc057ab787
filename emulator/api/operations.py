"""Gathers every operation of AWS's APIs that the emulator serves itself, in one registry.

A room of operations adds its own here, with the parts of the emulator that it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.cloudwatch.logs.operations import log_operations
from emulator.api.cloudwatch.metrics.operations import metric_operations
from emulator.api.control.event_sources import event_source_operations
from emulator.api.control.invoke_async import invoke_async_operations
from emulator.api.control.operations import control_operations
from emulator.api.services.calls import Registry

if TYPE_CHECKING:
    from emulator.api.control.collaborators import Control
    from emulator.live.cloudwatch import CloudWatch
    from emulator.live.eventing import Eventing


def all_operations(
    control: Control, watch: CloudWatch | None = None, eventing: Eventing | None = None
) -> Registry:
    """Returns who serves which operation.

    Operations of CloudWatch are there where `watch` is, those of events where `eventing` is.
    """
    registry = Registry()
    registry.add_all("lambda", control_operations(control))
    if eventing is not None:
        sources = event_source_operations(control, eventing.sources, eventing.client)
        registry.add_all("lambda", sources)
        registry.add_all("lambda", invoke_async_operations(control, eventing.queue))
    if watch is not None:
        registry.add_all("logs", log_operations(watch.logs))
        registry.add_all("monitoring", metric_operations(watch.metrics))
    return registry
