"""Describes a fault: what is done to a running emulator, and what the trial is to see to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.experiments.chaos.world import DOCKER, PROCESS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from emulator.experiments.chaos.world import World

BOTH = frozenset({DOCKER, PROCESS})
ONLY_DOCKER = frozenset({DOCKER})


@dataclass(frozen=True, slots=True)
class Fault:
    """Describes one fault."""

    name: str
    what: str
    """A sentence for the report."""
    inject: Callable[[World], Awaitable[None]]
    backends: frozenset[str] = BOTH
    spares_others: bool = False
    """Whether each request of the load must be answered rightly all the time."""
    own_disk: str = ""
    """Folder below the trial's that is a small disk of its own, where one is; for root alone."""
    own_engine: bool = False
    """Whether the fault is done to an engine of its own, which root alone may start."""
    own_clock: bool = False
    """Whether the emulator's wall clock is one that the fault may set."""
