"""Holds pre-warming as Azure's Premium plan does it: a buffer of ready sandboxes under load.

Source: Microsoft Learn, "Azure Functions Premium plan", prewarmed instances (H): one by default,
and whenever one is used another is started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.policies.interface import Policy, PreWarm

if TYPE_CHECKING:
    from emulator.core.model import Sandbox, Seconds


@dataclass(eq=False)
class Prewarming(Policy):
    """Has `spare` sandboxes of a version idle or starting whenever one takes a request.

    Each lives for the lifetime that the keep-alive drew, so a version without requests has none.
    """

    spare: int = 1

    def began(self, sandbox: Sandbox, now: Seconds) -> None:
        self.orders.append(PreWarm(sandbox.function.key, self.spare))
