"""Makes the scheduler's settings out of a profile and of what a user chooses against it.

The live emulator and the simulator both ask here, so that the same choice means the same in both.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from emulator.core.lifetimes import ageing, keeping
from emulator.core.policies.catalogue import LIFETIME
from emulator.core.policy import Admission, Binding, PickOrder, SchedulerSettings

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.core.placement import Placement
    from emulator.core.policies.interface import PolicyChoice
    from emulator.core.profile import Profile
    from emulator.core.stem_cells import StemCells


def scheduling(
    profile: Profile,
    *,
    host_memory_mb: int,
    keep_alive: Seconds | str | None = None,
    recycle_age: Seconds | str | None = None,
    policy: PolicyChoice | None = None,
    init_timeout: Seconds | None = None,
    pick_order: PickOrder = PickOrder.MOST_RECENTLY_USED,
    binding: Binding = Binding.EARLY,
    admission: Admission = Admission.ACTUAL,
    host_reserve_mb: int = 0,
    start_width: int = 4,
    idle_speedup: float = 1.0,
    placement: Placement | None = None,
    stem_cells: StemCells | None = None,
) -> SchedulerSettings:
    """Returns the settings; a keep-alive, an age and an init timeout of None are the profile's.

    Raises:
        ValueError: the keep-alive, by its name, leaves the policy nothing to decide.
    """
    lifetimes, policy = keeping(keep_alive, policy, profile.keep_alive)
    return SchedulerSettings(
        keep_alive=lifetimes,
        policy=policy,
        pick_order=pick_order,
        binding=binding,
        host_memory_mb=host_memory_mb,
        admission=admission,
        host_reserve_mb=host_reserve_mb,
        start_width=start_width,
        account_concurrency=profile.account_concurrency,
        requests_per_concurrency=profile.requests_per_concurrency,
        scale_out=profile.scale_out,
        tenant_sandboxes_per_concurrency=profile.tenant_sandboxes_per_concurrency,
        recycle_age=ageing(recycle_age, profile.recycle_age),
        provisioned_init_timeout=profile.provisioned_init_timeout,
        init_timeout=init_timeout or profile.init_timeout,
        idle_speedup=idle_speedup,
        placement=placement,
        stem_cells=stem_cells,
    )


def scheduling_facts(settings: SchedulerSettings) -> dict[str, Any]:
    """Returns the settings as a run's record has them; a policy of the user's with its text."""
    policy = settings.policy
    facts = asdict(replace(settings, policy=None))
    facts["policy"] = LIFETIME if policy is None else policy.text
    if policy is not None and policy.source:
        facts["policy_source"] = policy.source
    return facts
