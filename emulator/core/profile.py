"""Lambda's dated behaviour as data: `aws-2018`, which the study met, and `aws-2025`.

Facts and their sources: the AWS Lambda developer guide (quotas, execution environments, scaling)
and its document history for when a feature came; idle lifetimes as measured in public studies of
2018 and of 2025. Prices stand in `prices`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from emulator.core.policy import RecycleAge, ScaleOut, SurvivalCurve
from emulator.core.prices import PRICES_2018, PRICES_2025, Prices

_HOUR = 3600.0


class Feature(Enum):
    """What one profile has and the other has not: its name, and the month in which it came."""

    PROVISIONED_CONCURRENCY = ("Provisioned concurrency", "2019-12")
    INITIALIZATION_TYPE = ("AWS_LAMBDA_INITIALIZATION_TYPE", "2020-12")
    ARM64 = ("Architecture arm64", "2021-09")
    FUNCTION_URL = ("A function URL", "2022-04")
    LOGGING_CONFIGURATION = ("LoggingConfig", "2023-11")

    @property
    def title(self) -> str:
        return self.value[0]

    @property
    def since(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    date: str
    """Year and month of the behaviour."""
    least_memory_mb: int
    most_memory_mb: int
    memory_step_mb: int
    mb_per_vcpu: int
    cpu_steps: tuple[tuple[int, int], ...]
    """Pairs of a memory size, and how many CPUs a sandbox up to that size sees; they rise."""
    cpu_period_us: int
    """The CFS period: steps in the CPU curve between memory sizes come from it."""
    least_storage_mb: int
    """Of /tmp; what a function has that asks for none."""
    most_storage_mb: int
    most_layers: int
    max_timeout: int
    init_timeout: float
    provisioned_init_timeout: float
    """Seconds; a function's own timeout goes before it where that is longer."""
    account_concurrency: int
    least_unreserved: int
    """Of the account's concurrency: what reservations must leave to the other functions."""
    requests_per_concurrency: float
    """Requests a second for each unit of concurrency."""
    scale_out: ScaleOut
    keep_alive: SurvivalCurve
    recycle_age: RecycleAge
    """A sandbox ends at such an age, used or not. The guide says "every few hours" and no more:
    in 2018 a median of 6.2 hours was measured (Wang et al., USENIX ATC'18), since then 2 (a
    test that Xebia published). Each range is centred on its figure; its width is unmeasured."""
    prices: Prices
    request_limit: int
    """Bytes of a synchronous invocation's payload."""
    async_request_limit: int
    """Bytes of an asynchronous invocation's payload."""
    response_limit: int
    """Bytes of a synchronous invocation's response."""
    streamed_response_limit: int
    """Bytes of a response in pieces; 0 where there were none yet (they came in 2023-04)."""
    environment_limit: int
    """Bytes, names and values of a function's variables together."""

    def has(self, feature: Feature) -> bool:
        return feature.since <= self.date

    def vcpus(self, memory_mb: int) -> float:
        """The share of CPU, in vCPUs, that a function of this size gets."""
        return memory_mb / self.mb_per_vcpu

    def cpu_quota_us(self, memory_mb: int) -> int:
        """The CFS quota for `cpu_period_us`; the kernel takes none below 1,000."""
        return max(1000, round(self.vcpus(memory_mb) * self.cpu_period_us))

    def visible_cpus(self, memory_mb: int) -> int:
        """How many CPUs a function of this size sees; its share of them is `vcpus`."""
        for up_to_mb, cpus in self.cpu_steps:
            if memory_mb <= up_to_mb:
                return cpus
        return self.cpu_steps[-1][1]

    def provisioned_init_limit(self, timeout: float) -> float:
        """Seconds that a provisioned sandbox may take for its init phase."""
        return max(self.provisioned_init_timeout, timeout)


AWS_2018 = Profile(
    name="aws-2018",
    date="2018-12",
    least_memory_mb=128,
    most_memory_mb=3008,
    memory_step_mb=64,
    mb_per_vcpu=1792,
    cpu_steps=((3008, 2),),
    cpu_period_us=20_000,
    least_storage_mb=512,
    most_storage_mb=512,
    most_layers=5,
    max_timeout=300,
    init_timeout=10.0,
    provisioned_init_timeout=130.0,
    account_concurrency=1000,
    least_unreserved=100,
    requests_per_concurrency=10.0,
    scale_out=ScaleOut(burst=3000, refill_per_second=500 / 60, per_function=False),
    keep_alive=SurvivalCurve(
        ((0, 1.0), (1620, 1.0), (1740, 0.9), (2640, 0.5), (3540, 0.1), (3900, 0.0))
    ),
    recycle_age=RecycleAge(5.2 * _HOUR, 7.2 * _HOUR),
    prices=PRICES_2018,
    request_limit=6_291_456,
    async_request_limit=262_144,
    response_limit=6_291_556,
    streamed_response_limit=0,
    environment_limit=4096,
)

AWS_2025 = Profile(
    name="aws-2025",
    date="2025-12",
    least_memory_mb=128,
    most_memory_mb=10240,
    memory_step_mb=1,
    mb_per_vcpu=1769,
    cpu_steps=((3008, 2), (5307, 3), (7076, 4), (8845, 5), (10240, 6)),
    cpu_period_us=20_000,
    least_storage_mb=512,
    most_storage_mb=10240,
    most_layers=5,
    max_timeout=900,
    init_timeout=10.0,
    provisioned_init_timeout=130.0,
    account_concurrency=1000,
    least_unreserved=100,
    requests_per_concurrency=10.0,
    scale_out=ScaleOut(burst=1000, refill_per_second=1000 / 10, per_function=True),
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
    recycle_age=RecycleAge(1.5 * _HOUR, 2.5 * _HOUR),
    prices=PRICES_2025,
    request_limit=6_291_456,
    async_request_limit=1_048_576,
    response_limit=6_291_556,
    streamed_response_limit=209_715_200,
    environment_limit=4096,
)

PROFILES = {profile.name: profile for profile in (AWS_2018, AWS_2025)}
