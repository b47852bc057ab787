"""Describes how a simulated function behaves, and what the service model answers about it.

Holds descriptions and answers alone; `service` makes one of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from emulator.core.messages.measurements import Anatomy  # noqa: TC001  # a Struct resolves its fields
from emulator.sim.distributions import Constant

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.sim.distributions import Distribution

_NO_TIME = Constant(0.0)


class Outcome(StrEnum):
    """Says how an init or an invocation ends."""

    OK = "ok"
    ERROR = "error"
    """The runtime reports an error, of its init or of its handler, and goes on or exits."""
    EXIT = "exit"
    OUT_OF_MEMORY = "out of memory"
    START_FAILED = "start failed"
    """The sandbox could not be made; an outcome of starts only."""
    NEVER = "never"
    """No answer comes; only a timeout ends the wait."""


Shares = tuple[tuple[Outcome, float], ...]
"""Probability of each outcome that is not OK; OK has the rest."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Describes one function: the phases of a start, the handler warm and cold, the mishaps."""

    warm: Distribution
    cold: Distribution | None = None
    """Length of a sandbox's first handler call, without the init; None: as `warm`."""
    create: Distribution = _NO_TIME
    start: Distribution = _NO_TIME
    connect: Distribution = _NO_TIME
    init: Distribution = _NO_TIME
    specialise: Distribution | None = None
    """Time from the decision to start a sandbox of a stem cell to its runtime's connection, where
    nothing is created or started; None: as `connect`."""
    ask: Distribution | None = None
    """Time from the answer to the request for the next work; None: no time, and no event."""
    stop: Distribution = _NO_TIME
    reset: Distribution = _NO_TIME
    overhead: Distribution = _NO_TIME
    """Time that an answer takes on top of the emulator's own, as its client sees it."""
    init_mishaps: Shares = ()
    mishaps: Shares = ()
    error_type: str = "Simulated"
    exit_code: int = 1
    max_memory_mb: int = 0
    withheld: float = 0.0
    """Share of a handler call's time in which the CPU quota is used up; only records tell it."""


class Start(Struct, frozen=True):
    """Holds the phases of one start of a sandbox, the last of which ends in `outcome`.

    A sandbox that cannot be made fails when `create` is over.
    """

    outcome: Outcome
    anatomy: Anatomy
    error_type: str = ""
    exit_code: int = 0


class Answer(Struct, frozen=True):
    """Holds what comes of one invocation, `duration` seconds after its dispatch."""

    outcome: Outcome
    duration: Seconds
    error_type: str = ""
    exit_code: int = 0
    max_memory_mb: int = 0
    ask: Seconds | None = None
    """Seconds from the answer until the runtime asks for its next work."""
    throttled: Seconds = 0.0
    """Seconds of the duration in which the CPU quota is used up."""
