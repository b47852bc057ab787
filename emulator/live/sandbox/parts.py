"""Holds what a live sandbox is made of: its processes, and what they dial."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.live.sandbox.processes import Processes

if TYPE_CHECKING:
    from emulator.live.backends.interface import SandboxProcess
    from emulator.live.runtime_api.extensions import Extensions
    from emulator.live.runtime_api.interface import RuntimeEndpoint
    from emulator.live.runtime_api.telemetry import TelemetryApi


@dataclass(slots=True)
class SandboxParts:
    """Holds the parts of one sandbox, as far as they are there."""

    extensions: Extensions = field(init=False)
    telemetry: TelemetryApi = field(init=False)
    processes: Processes = field(default_factory=Processes)
    endpoint: RuntimeEndpoint | None = None
    """What the sandbox's runtime dials; None before it is opened."""
    process: SandboxProcess | None = None
    """What the backend has started; None before, and where that failed."""
