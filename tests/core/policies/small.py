"""Every policy of ours, with times that a test of some seconds can see."""

from __future__ import annotations

from emulator.core.model import VersionKey
from emulator.core.policies.catalogue import POLICIES
from emulator.core.policies.fixed import Fixed
from emulator.core.policies.function_activity import FunctionActivity
from emulator.core.policies.greedy_dual import GreedyDual
from emulator.core.policies.hybrid_histogram import HybridHistogram, IdleTimes, Windows
from emulator.core.policies.interface import Policy, PolicyChoice
from emulator.core.policies.lru import LeastRecentlyUsed
from emulator.core.policies.oracle import Oracle
from emulator.core.policies.pool_halving import PoolHalving
from emulator.core.policies.prewarming import Prewarming
from emulator.core.policies.provisioned import Provisioned
from emulator.core.policies.target_tracking import TargetTracking


class QuickHistogram(HybridHistogram):
    """Has seen enough at once, and lives sixteen times as fast."""

    def windows(self, seen: IdleTimes) -> Windows:
        windows = super().windows(seen)
        return Windows(min(windows.prewarm, 160.0) / 64, min(windows.keep, 640.0) / 64)


class QuickTracking(TargetTracking):
    """Looks at every minute as two points."""

    def wanted(self, count: int, points: list[float]) -> int:
        return super().wanted(count, [*points, *points])


SOON = tuple(at / 4 for at in range(8, 400, 7))
SMALL = (
    PolicyChoice("lifetime", Policy),
    PolicyChoice("fixed", lambda: Fixed(6.0)),
    PolicyChoice("pool-halving", lambda: PoolHalving(4.0)),
    PolicyChoice("function-activity", lambda: FunctionActivity(3.0, 5.0, 9.0)),
    PolicyChoice("lru", LeastRecentlyUsed),
    PolicyChoice("greedy-dual", GreedyDual),
    PolicyChoice("hybrid-histogram", lambda: QuickHistogram(4, 1, forecast=lambda _: 2.0)),
    PolicyChoice("prewarming", lambda: Prewarming(2)),
    PolicyChoice("provisioned", lambda: Provisioned("0000x1+0001x0+0002x2")),
    PolicyChoice("target-tracking", lambda: QuickTracking(0.25, 1, 3)),
    PolicyChoice(
        "oracle",
        lambda: Oracle({VersionKey.of(name): SOON for name in ("small", "middle", "large")}, 1.0),
    ),
)
assert {choice.text for choice in SMALL} == {*POLICIES, "oracle"}
