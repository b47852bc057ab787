"""Lambda's dated behaviour as data: `aws-2018`, which the study met, and `aws-2025`.

Facts and their sources: the AWS Lambda developer guide (quotas, execution environments,
pricing); idle lifetimes as measured in public studies of 2018 and of 2025.
"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.core.policy import SurvivalCurve


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars, on demand, x86, us-east-1, first tier."""

    gb_second: float
    request: float
    billing_step_ms: int
    init_billed: bool


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    least_memory_mb: int
    most_memory_mb: int
    memory_step_mb: int
    mb_per_vcpu: int
    cpu_period_us: int
    """The CFS period: steps in the CPU curve between memory sizes come from it."""
    max_timeout: int
    init_timeout: float
    account_concurrency: int
    keep_alive: SurvivalCurve
    prices: Prices
    request_limit: int
    """Bytes of a synchronous invocation's payload."""
    response_limit: int
    """Bytes of its response."""
    environment_limit: int
    """Bytes, names and values of a function's variables together."""

    def vcpus(self, memory_mb: int) -> float:
        """The share of CPU, in vCPUs, that a function of this size gets."""
        return memory_mb / self.mb_per_vcpu

    def cpu_quota_us(self, memory_mb: int) -> int:
        """The CFS quota for `cpu_period_us`; the kernel takes none below 1,000."""
        return max(1000, round(self.vcpus(memory_mb) * self.cpu_period_us))


AWS_2018 = Profile(
    name="aws-2018",
    least_memory_mb=128,
    most_memory_mb=3008,
    memory_step_mb=64,
    mb_per_vcpu=1792,
    cpu_period_us=20_000,
    max_timeout=300,
    init_timeout=10.0,
    account_concurrency=1000,
    keep_alive=SurvivalCurve(
        ((0, 1.0), (1620, 1.0), (1740, 0.9), (2640, 0.5), (3540, 0.1), (3900, 0.0))
    ),
    prices=Prices(gb_second=0.00001667, request=0.20e-6, billing_step_ms=100, init_billed=False),
    request_limit=6_291_456,
    response_limit=6_291_556,
    environment_limit=4096,
)

AWS_2025 = Profile(
    name="aws-2025",
    least_memory_mb=128,
    most_memory_mb=10240,
    memory_step_mb=1,
    mb_per_vcpu=1769,
    cpu_period_us=20_000,
    max_timeout=900,
    init_timeout=10.0,
    account_concurrency=1000,
    keep_alive=SurvivalCurve(
        (
            (0, 1.0),
            (180, 1.0),
            (240, 0.99),
            (270, 0.97),
            (300, 0.92),
            (315, 0.57),
            (330, 0.32),
            (345, 0.06),
            (360, 0.0),
        )
    ),
    prices=Prices(gb_second=0.0000166667, request=0.20e-6, billing_step_ms=1, init_billed=True),
    request_limit=6_291_456,
    response_limit=6_291_556,
    environment_limit=4096,
)

PROFILES = {profile.name: profile for profile in (AWS_2018, AWS_2025)}
