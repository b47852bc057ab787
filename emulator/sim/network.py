"""Draws what requests of simulated clients lose on their way, from the core's paths.

As with the times of sandboxes, each draw depends on the seed and on the invocation alone. A client
keeps its connection, and the path says after how long an idle one is closed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.core.network_path import NetworkPath, Passage, WayIn


@dataclass(slots=True)
class ClientNetwork:
    """Holds the path between simulated clients and functions, and each client's connection."""

    path: NetworkPath
    way: WayIn
    seed: int
    idle_speedup: float = 1.0
    """How many seconds of idle time pass in each."""
    _used: dict[str, Seconds] = field(default_factory=dict)
    """When each connection was last used, by its name."""
    _chance: random.Random = field(default_factory=random.Random, init=False, repr=False)

    def passage(self, invocation: str, connection: str, at: Seconds) -> Passage:
        """Draws the passage of a request that is sent now on a connection."""
        used = self._used.get(connection)
        idle = None if used is None else (at - used) * self.idle_speedup
        self._used[connection] = at
        self._chance.seed(f"{self.seed}:network:{invocation}")
        return self.path.draw(self.way, self.path.connection(idle), self._chance)

    def answered(self, connection: str, at: Seconds) -> None:
        """Notes that an answer passes a connection now."""
        self._used[connection] = at
