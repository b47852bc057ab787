"""Defines the phases of a live sandbox, the table of its legal moves, and the one who moves.

The scheduler's `SandboxState` says what was decided about a sandbox; a phase says how far the
sandbox itself has come. The two differ while a decision is being carried out: a sandbox that the
scheduler calls busy may still be in an init within its invocation.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Phase(Enum):
    """Names what a live sandbox is doing."""

    # the one of Enum is written in Python, and eight are asked for in each invocation
    __hash__ = object.__hash__

    STARTING = auto()
    """In creation, or in its first init."""
    READY = auto()
    """Init is over, and the runtime waits for work."""
    RUNNING = auto()
    """The runtime works on an invocation, and has not answered."""
    ANSWERED = auto()
    """The runtime has answered; it or an extension has not asked for its next work."""
    RESETTING = auto()
    """All processes are being killed; the sandbox stays, and its /tmp with it."""
    BARE = auto()
    """Nothing runs after a reset; the next invocation begins with an init."""
    STARTING_AGAIN = auto()
    """An init within an invocation, after a reset."""
    ENDING = auto()
    """The sandbox's stop or its own end is under way, or over."""


_FAILURES = frozenset({Phase.RESETTING, Phase.ENDING})

MOVES: Mapping[Phase, frozenset[Phase]] = {
    Phase.STARTING: frozenset({Phase.READY}) | _FAILURES,
    Phase.READY: frozenset({Phase.RUNNING}) | _FAILURES,
    Phase.RUNNING: frozenset({Phase.ANSWERED}) | _FAILURES,
    Phase.ANSWERED: frozenset({Phase.READY}) | _FAILURES,
    Phase.RESETTING: frozenset({Phase.BARE, Phase.ENDING}),
    Phase.BARE: frozenset({Phase.STARTING_AGAIN}) | _FAILURES,
    Phase.STARTING_AGAIN: frozenset({Phase.READY}) | _FAILURES,
    Phase.ENDING: frozenset(),
}
"""From each phase, the phases that may follow."""

INITIALIZING = frozenset({Phase.STARTING, Phase.STARTING_AGAIN})
"""Phases in which an init is under way."""
BROKEN_OFF = frozenset({Phase.RESETTING, Phase.ENDING})
"""Phases in which the reports of the runtime and of the backend count for nothing."""


class IllegalPhaseError(Exception):
    """Reports a move that the table does not have; the sandbox was not changed."""


class Lifecycle:
    """Holds the phase of one sandbox, from its creation on; only `move` changes the phase."""

    def __init__(self, sandbox: int) -> None:
        self.phase = Phase.STARTING
        self._sandbox = sandbox

    def move(self, phase: Phase) -> None:
        """Goes on to a phase.

        Raises:
            IllegalPhaseError: the table has no such move.
        """
        if phase not in MOVES[self.phase]:
            raise IllegalPhaseError(f"sandbox {self._sandbox}: {self.phase.name} -> {phase.name}")
        self.phase = phase

    def may_move(self, phase: Phase) -> bool:
        """Returns whether the table has the move to a phase."""
        return phase in MOVES[self.phase]
