"""Works out how long a sandbox waits for a host that has its function's code.

A new function's code is fetched before a sandbox can be made; afterwards the provider has the code
at hand. Only the wait is decided here: the scheduler lets sandboxes wait, and the constants stand
with the network paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from emulator.core.network_path import Trust  # noqa: TC001  # the compiled module resolves it

if TYPE_CHECKING:
    from emulator.core.model import FunctionVersion, Seconds, VersionKey


@dataclass(frozen=True, slots=True)
class Placement:
    """Holds how long placement and download take, by the size of a function's zip.

    `points` are (MB of the zip, seconds), rising from 0 MB; between two of them the time is linear,
    and beyond the last it goes on as between the last two.
    """

    points: tuple[tuple[float, Seconds], ...]
    trust: Trust
    source: str

    def __post_init__(self) -> None:
        sizes = [size for size, _ in self.points]
        if len(sizes) < 2 or sizes[0] != 0 or any(a >= b for a, b in pairwise(sizes)):  # noqa: PLR2004
            raise ValueError("placement needs two sizes or more, that rise from 0 MB")
        times = [seconds for _, seconds in self.points]
        if times != sorted(times) or times[0] < 0:
            raise ValueError("placement takes no less time for a larger zip, and never below 0 s")

    def seconds(self, package_mb: float) -> Seconds:
        """Returns the time for a package that nobody has asked for yet."""
        pair = next(
            (pair for pair in pairwise(self.points) if package_mb <= pair[1][0]), self.points[-2:]
        )
        (m0, t0), (m1, t1) = pair
        return t0 + (t1 - t0) * (package_mb - m0) / (m1 - m0)


class CodeCache:
    """Keeps since when each deployment's code is at hand; without a placement all is at once.

    Sandboxes that are decided on before the first download is over fetch the code themselves, since
    they come to other hosts.
    """

    def __init__(self, placement: Placement | None) -> None:
        self._placement = placement
        self._there: dict[VersionKey, tuple[int, Seconds]] = {}
        """Revision of the code that is or will be at hand, and since when."""

    def wait(self, function: FunctionVersion, now: Seconds) -> Seconds:
        """Returns how long a new sandbox waits before it may start, from now."""
        if self._placement is None:
            return 0.0
        revision, since = self._there.get(function.key, (None, 0.0))
        if revision == function.revision and since <= now:
            return 0.0
        seconds = self._placement.seconds(function.package_mb)
        if revision != function.revision:
            self._there[function.key] = (function.revision, now + seconds)
        return seconds
