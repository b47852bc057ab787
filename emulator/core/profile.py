"""Defines the fields of a profile: Lambda's behaviour at one date, as data.

The data of each profile stands in a module of `profiles`. What differs between two dates is a
field or a `Feature`, so that no code asks for a profile's name. This module knows no date and
none of the code that obeys a profile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from emulator.core.asynchronous.rules import AsynchronousRules

if TYPE_CHECKING:
    from emulator.core.policy import RecycleAge, ScaleOut, SurvivalCurve
    from emulator.core.prices import Prices
    from emulator.core.runtime import Runtime


class Feature(Enum):
    """Names features that Lambda did not always have, and the month in which each came.

    Source: the document history of the developer guide.
    """

    PROVISIONED_CONCURRENCY = ("Provisioned concurrency", "2019-12")
    INITIALIZATION_TYPE = ("AWS_LAMBDA_INITIALIZATION_TYPE", "2020-12")
    ARM64 = ("Architecture arm64", "2021-09")
    FUNCTION_URL = ("A function URL", "2022-04")
    SNAP_START = ("SnapStart", "2022-11")
    LOGGING_CONFIGURATION = ("LoggingConfig", "2023-11")
    URL_NEEDS_INVOKE = ("lambda:InvokeFunction beside lambda:InvokeFunctionUrl", "2025-10")
    TENANT_ISOLATION = ("Tenant isolation", "2025-11")

    @property
    def title(self) -> str:
        """Returns the name of the feature as a message gives it."""
        return self.value[0]

    @property
    def since(self) -> str:
        """Returns year and month of the feature's arrival, such as `2019-12`."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class LogLines:
    """Holds how the lines look that Lambda itself writes to a function's log.

    Messages are templates for `str.format`.
    """

    init: bool
    """Whether INIT_START, INIT_REPORT and Init Duration are written."""
    status: bool
    """Whether REPORT tells how an invocation failed."""
    after_billed: str
    """Text between Billed Duration and its tab."""
    failure_before_end: bool
    """Whether the lines about a failure stand before END; else they stand after REPORT."""
    timeout: str
    """Line of a timeout, from `time` (ISO), `request_id` and `seconds`."""
    exit: tuple[str, ...]
    """Lines of a runtime that ended, from `request_id`, `reason` and `error_type`."""


@dataclass(frozen=True, slots=True)
class FailureBodies:
    """Holds how the body looks that a caller gets when no answer of the handler came.

    Messages are templates for `str.format`.
    """

    error_type: bool
    """Whether the body has an `errorType`."""
    timeout: str
    """Message of a timeout, from `time` (ISO), `request_id` and `seconds`."""
    exit: str
    """Message of a runtime that ended, from `request_id` and `reason`."""


@dataclass(frozen=True, slots=True)
class IntegrationTimeout:
    """Holds when API Gateway gives a function up, and what its client gets then."""

    seconds: float
    """Time from the function's call; the invocation itself goes on."""
    status: int
    body: bytes


REST_TIMEOUT = IntegrationTimeout(29.0, 504, b'{"message": "Endpoint request timed out"}')
"""REST APIs' limit, the same at every date so far; Regional APIs may raise theirs since 2024-06.

Source: API Gateway developer guide, quotas of REST APIs ("Integration timeout", 29 s) and the
gateway response INTEGRATION_TIMEOUT.
"""


@dataclass(frozen=True, slots=True)
class CodeQuotas:
    """Holds how much code an account may have; bytes."""

    zipped: int
    """Most of a package that comes with the request itself, as a zip."""
    unzipped: int
    """Most of a package and its layers together, unpacked."""
    image: int
    """Most of a container image, uncompressed; 0 where there were none yet."""
    total: int
    """Most of all packages and layers of an account in a region."""
    policy: int
    """Most of a resource-based policy."""


@dataclass(frozen=True, slots=True)
class StreamPace:
    """Holds how fast a response in pieces reaches its caller."""

    unthrottled: int
    """Bytes that come as fast as they can."""
    bytes_per_second: float
    """Bandwidth of all that follows."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Holds Lambda's quotas, rates and formats at one date."""

    name: str
    """Name by which a user chooses the profile."""
    date: str
    """Year and month of the behaviour."""
    least_memory_mb: int
    most_memory_mb: int
    memory_step_mb: int
    mb_per_vcpu: int
    cpu_steps: tuple[tuple[int, int], ...]
    """Pairs of a memory size, and how many CPUs a sandbox up to that size sees; they rise."""
    cpu_period_us: int
    """CFS period: the source of the steps in the CPU curve between memory sizes."""
    least_storage_mb: int
    """Size of /tmp of a function that asks for none."""
    most_storage_mb: int
    most_layers: int
    max_timeout: int
    """Seconds."""
    init_timeout: float
    """Seconds."""
    provisioned_init_timeout: float
    """Seconds; a function's own timeout goes before it where that is longer."""
    account_concurrency: int
    least_unreserved: int
    """Part of the account's concurrency that reservations must leave to the other functions."""
    requests_per_concurrency: float
    """Requests a second for each unit of concurrency."""
    scale_out: ScaleOut
    tenant_sandboxes_per_concurrency: float | None
    """Sandboxes of tenants, busy and idle, for each unit of a function's concurrency; None where
    there were none yet."""
    keep_alive: SurvivalCurve
    recycle_age: RecycleAge
    """Age at which a sandbox ends, used or not. The guide says "every few hours" and no more."""
    prices: Prices
    request_limit: int
    """Bytes of a synchronous invocation's payload."""
    async_request_limit: int
    """Bytes of an asynchronous invocation's payload."""
    response_limit: int
    """Bytes of a synchronous invocation's response."""
    streamed_response_limit: int
    """Bytes of a response in pieces; 0 where there were none yet (they came in 2023-04)."""
    stream_pace: StreamPace | None
    """Bandwidth of a response in pieces; None: as fast as the function and the network are."""
    environment_limit: int
    """Bytes, names and values of a function's variables together."""
    code: CodeQuotas
    runtimes: tuple[Runtime, ...]
    """Managed runtimes that functions could be created with."""
    snapshots_of_images: bool
    """Whether image functions may have SnapStart, whatever their runtime is."""
    log_lines: LogLines
    failure_bodies: FailureBodies
    integration_timeout: IntegrationTimeout
    """The limit of routes on the gateway's plain address, and of HTTP APIs."""
    rest_integration_timeout: IntegrationTimeout = REST_TIMEOUT
    asynchronous: AsynchronousRules = field(default_factory=AsynchronousRules)

    def has(self, feature: Feature) -> bool:
        """Returns whether the feature had come by the profile's date."""
        return feature.since <= self.date

    def runtime(self, name: str) -> Runtime | None:
        """Returns the runtime of an identifier; None where the profile's date had none such."""
        return next((runtime for runtime in self.runtimes if runtime.name == name), None)

    def vcpus(self, memory_mb: int) -> float:
        """Returns the share of CPU, in vCPUs, that a function of a memory size gets."""
        return memory_mb / self.mb_per_vcpu

    def cpu_quota_us(self, memory_mb: int) -> int:
        """Returns the CFS quota for `cpu_period_us`; the kernel takes none below 1,000."""
        return max(1000, round(self.vcpus(memory_mb) * self.cpu_period_us))

    def visible_cpus(self, memory_mb: int) -> int:
        """Returns how many CPUs a function of a memory size sees; its share is `vcpus`."""
        for up_to_mb, cpus in self.cpu_steps:
            if memory_mb <= up_to_mb:
                return cpus
        return self.cpu_steps[-1][1]
