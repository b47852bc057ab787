"""Holds the rule of most platforms: an idle sandbox stays for a fixed time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.policies.interface import Policy

if TYPE_CHECKING:
    from emulator.core.model import Sandbox, Seconds
    from emulator.core.policy import Chance


@dataclass(eq=False)
class Fixed(Policy):
    """Keeps every idle sandbox for `seconds`, whatever the keep-alive says."""

    seconds: Seconds = 600.0

    def __post_init__(self) -> None:
        if not self.seconds >= 0:
            raise ValueError(f"seconds must be 0 or more, not {self.seconds}")

    def idle(self, sandbox: Sandbox, now: Seconds, chance: Chance) -> Seconds:
        return self.seconds
