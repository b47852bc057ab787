"""Holds what is known of how long AWS let sandboxes live: dated, by region, each with a name.

A user chooses one by its name instead of seconds (`--keep-alive`, the plan's axis `keep_alive`);
`--recycle-age` is about the age at which even a busy one ends.
Letters of trust: H primary data, M secondary or one source, L inferred.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from emulator.core.policies.interface import PolicyChoice
from emulator.core.policies.pool_halving import PoolHalving
from emulator.core.policy import FixedKeepAlive, RecycleAge, SurvivalCurve
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.model import Seconds
    from emulator.core.policy import KeepAlive


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Holds how long idle sandboxes lived in one region at one date."""

    name: str
    date: str
    """Year and month of the measurement."""
    region: str
    """Empty where no region is told."""
    keep_alive: KeepAlive
    source: str
    trust: str
    policy: PolicyChoice | None = None
    """The rule of the whole pool, where lifetimes are not a sandbox's own."""


_MINUTE = 60.0
_ALL = (
    Lifetimes(
        name="aws-2018",
        date="2018-12",
        region="",
        keep_alive=AWS_2018.keep_alive,
        source="Wang et al., ATC'18: at most 27 min (L); Shilkov: 25 to 60 min until July 2019 (M)",
        trust="M",
    ),
    Lifetimes(
        name="aws-2018-us-west-2",
        date="2019-01",
        region="us-west-2",
        keep_alive=FixedKeepAlive(26 * _MINUTE),
        source="Lin, Benchmarking Lambda's Idle Timeout, 29 Jan 2019, us-west-2: 26 min in every "
        "execution and size (H)",
        trust="H",
    ),
    Lifetimes(
        name="aws-2018-us-east-1",
        date="2019-02",
        region="us-east-1",
        # only the ends were published; between them each minute is taken to be as likely
        keep_alive=SurvivalCurve(((0.0, 1.0), (22 * _MINUTE, 1.0), (65 * _MINUTE, 0.0))),
        source="Lin, Benchmarking Lambda's Idle Timeout, 1 Feb 2019, us-east-1: 22 to 65 min (H); "
        "the straight line between the ends is ours (L)",
        trust="M",
    ),
    Lifetimes(
        name="aws-2020",
        date="2020-06",
        region="",
        keep_alive=FixedKeepAlive(math.inf),
        source="Copik et al., SeBS, Middleware'21, section 6.4: half of a function's idle "
        "sandboxes go every 380 s, whatever their memory, language or package",
        trust="H",
        policy=PolicyChoice("pool-halving", PoolHalving),
    ),
    Lifetimes(
        name="aws-2025",
        date="2025-12",
        region="",
        keep_alive=AWS_2025.keep_alive,
        source="public studies of 2025: share of cold starts by idle seconds",
        trust="M",
    ),
)

LIFETIMES: Mapping[str, Lifetimes] = MappingProxyType({each.name: each for each in _ALL})
"""Known lifetimes by name, the oldest first."""


@dataclass(frozen=True, slots=True)
class Ages:
    """Holds at what age sandboxes ended at one date, however much they were used."""

    name: str
    recycle_age: RecycleAge
    source: str
    trust: str


_ALL_AGES = (
    Ages(
        "aws-2018",
        AWS_2018.recycle_age,
        source="the profile's own",
        trust="M",
    ),
    Ages(
        "aws-2020",
        RecycleAge(5000.0, 7400.0),
        source="pacslab/serverless-performance-modeling, five runs of 28 hours in April to June "
        "2020: no sandbox grew older than 7,384 s, and most that ended while in steady use were "
        "5,000 s old or more; the width is read off by eye",
        trust="M",
    ),
    Ages(
        "aws-2025",
        AWS_2025.recycle_age,
        source="the profile's own",
        trust="M",
    ),
)
AGES: Mapping[str, Ages] = MappingProxyType({each.name: each for each in _ALL_AGES})
"""Known ages by name, the oldest date first."""
NEVER = "never"
"""Stands for sandboxes that no age ends."""


def ageing(age: Seconds | str | None, default: RecycleAge) -> RecycleAge | None:
    """Returns the ages that a user's choice comes to; None where no age ends a sandbox.

    Args:
        age: seconds, a name of AGES, NEVER, or None for the default.
        default: the profile's ages.
    """
    if age is None:
        return default
    if age == NEVER:
        return None
    return AGES[age].recycle_age if isinstance(age, str) else RecycleAge(age, age)


def keeping(
    keep_alive: Seconds | str | None, policy: PolicyChoice | None, default: KeepAlive
) -> tuple[KeepAlive, PolicyChoice | None]:
    """Returns the lifetimes and the policy that a user's choice of both comes to.

    Args:
        keep_alive: seconds, a name of LIFETIMES, or None for the default.
        policy: the chosen policy; None where lifetimes decide alone.
        default: the profile's lifetimes.

    Raises:
        ValueError: the lifetimes are a rule of the pool, which leaves a policy nothing to decide.
    """
    if keep_alive is None:
        return default, policy
    if not isinstance(keep_alive, str):
        return FixedKeepAlive(keep_alive), policy
    lifetimes = LIFETIMES[keep_alive]
    if lifetimes.policy is not None and policy is not None:
        raise ValueError(
            f"lifetimes {keep_alive} are a rule of the whole pool and leave policy {policy.text} "
            "nothing to decide: choose one of the two"
        )
    return lifetimes.keep_alive, lifetimes.policy or policy
