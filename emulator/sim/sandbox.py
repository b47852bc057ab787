"""Holds what goes on in one simulated sandbox; what follows from a command is `sandboxes`'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.messages.events import InvocationFinished
    from emulator.core.model import Seconds
    from emulator.sim.behaviour import Start


@dataclass(slots=True)
class SimulatedSandbox:
    """Holds what goes on in one sandbox."""

    id: int
    function: str
    awaits: int = 0
    """Sequence number of the completion that is to come; 0: none. Others are superseded."""
    fresh: bool = True
    """Whether the runtime has not been called since its start."""
    start: Start | None = None
    """Init that is under way, if any."""
    invocation: str | None = None
    """Invocation that waits for the init, as its first part."""
    running: bool = True
    """Whether the runtime runs or starts; False after a reset killed the runtime."""
    resets: int = 0
    peak_mb: int = 0
    asks_after: Seconds = 0.0
    finishes: InvocationFinished | None = None
    """Event that ends the invocation under way, where an answer comes before the end."""
