"""Names the policies that a user can choose by a word; the oracle needs a trace and has none."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from emulator.core.policies.fixed import Fixed
from emulator.core.policies.function_activity import FunctionActivity
from emulator.core.policies.greedy_dual import GreedyDual
from emulator.core.policies.hybrid_histogram import HybridHistogram
from emulator.core.policies.interface import Policy
from emulator.core.policies.lru import LeastRecentlyUsed
from emulator.core.policies.pool_halving import PoolHalving
from emulator.core.policies.prewarming import Prewarming
from emulator.core.policies.provisioned import Provisioned
from emulator.core.policies.target_tracking import TargetTracking

if TYPE_CHECKING:
    from collections.abc import Mapping

LIFETIME = "lifetime"
"""Name of the policy that leaves all to the keep-alive; the default."""

POLICIES: Mapping[str, type[Policy]] = MappingProxyType(
    {
        LIFETIME: Policy,
        "fixed": Fixed,
        "pool-halving": PoolHalving,
        "function-activity": FunctionActivity,
        "lru": LeastRecentlyUsed,
        "greedy-dual": GreedyDual,
        "hybrid-histogram": HybridHistogram,
        "prewarming": Prewarming,
        "provisioned": Provisioned,
        "target-tracking": TargetTracking,
    }
)
"""Policies by the names that users know them by."""
