"""Holds the log of one sandbox: its stream, its subscriber, and how far an invocation is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from emulator.telemetry import platform_events
from emulator.telemetry.line_splitter import LineSplitter

if TYPE_CHECKING:
    from emulator.telemetry.platform_events import Event
    from emulator.telemetry.platform_log import PlatformLog


class Subscriber(Protocol):
    """Takes a sandbox's telemetry."""

    @property
    def wanted(self) -> bool:
        """Returns whether anybody may want the telemetry."""
        ...

    def emit(self, event: Event) -> None:
        """Takes the next event."""


@dataclass(slots=True)
class SandboxLog:
    """Holds the log of one sandbox that is not gone."""

    function: str
    name: str
    platform: PlatformLog
    subscriber: Subscriber
    rest: LineSplitter = field(default_factory=LineSplitter)
    """A line of the function's that is not ended yet, for the subscriber."""
    initialized: bool = False
    unstarted: str = ""
    """The request id of an invocation whose START waits for the end of an init."""
    began_after: int = 0
    """The id of the last log event before the present invocation's START."""
    invocation: str = ""
    """The request id of the present invocation, or the last one."""
    dispatched_at: float = 0.0
    runtime_told: bool = False
    """Whether the end of the present invocation's runtime has been told by itself."""
    reason: str = ""
    """How the runtime ended in the present invocation."""

    def pass_on(self, at_epoch: float, written: bytes) -> None:
        """Emits the function's lines as telemetry; a line without an end yet waits for that."""
        for line in self.rest.feed(written):
            text = line.decode(errors="replace") + "\n"
            self.subscriber.emit(platform_events.function_log(at_epoch, text))
