"""Describes the kinds of load that a plan may ask for, as [[scenario]] tables write them.

Owns the keys and their defaults. No class here knows how a load is made.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from emulator.experiments.plan.paths import last_arrival
from emulator.experiments.plan.values import (
    Count,
    Dilation,
    Number,
    OneOrAll,
    OneOrMore,
    Positive,
    RisingMinutes,
    Text,
    TraceFile,
    Whole,
)

MINUTE = 60.0
IDLE_MINUTES = (0.0, 6.0, 16.0, 31.0, 61.0)
"""Minutes of the study's single requests."""
RAMP_USERS = (3, 6, 9, 18)
"""Steps of the study's ramp."""


class PlanTable(BaseModel):
    """Refuses unknown keys, and values that are only nearly of their type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Invocation(StrEnum):
    """Names what the clients of a load wait for: Lambda's InvocationType."""

    REQUEST_RESPONSE = "RequestResponse"
    """The function's answer."""
    EVENT = "Event"
    """That the request is accepted; a queue has the function invoked."""


class Asynchronous(PlanTable):
    """Describes what is asked of Lambda's queue of events, in place of what the template asks.

    The limits are those of PutFunctionEventInvokeConfig.
    """

    retries: Annotated[int, Field(ge=0, le=2)] | None = None
    max_age_s: Annotated[int, Field(ge=60, le=21_600)] | None = None
    """Age at which an event is dropped, on the scaled clock."""

    @property
    def members(self) -> dict[str, int]:
        """Members of EventInvokeConfig that the plan sets."""
        said = {"MaximumRetryAttempts": self.retries, "MaximumEventAgeInSeconds": self.max_age_s}
        return {name: value for name, value in said.items() if value is not None}


def _asynchronous(value: Any) -> Any:
    if isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, dict):
        raise ValueError(f"must be true, false or a table, not {value!r}")  # noqa: TRY004  # pydantic's
    return value


class Ping(PlanTable):
    """Describes the mitigation: requests that only keep sandboxes alive."""

    every_minutes: Positive
    """Minutes of the emulator's time: idle speed-up and dilation apply."""
    parallel: Count = 1


def label_of(kind: str, *, asynchronous: bool) -> str:
    """Returns the name of a load within its plan."""
    return f"{kind}-events" if asynchronous else kind


class _Scenario(PlanTable):
    """Describes what all kinds of load have in common."""

    kind: str
    idle_speedup: Positive = 1.0
    warm_up: Whole = 0
    """Requests before the first that counts."""
    repetitions: Count | None = None
    """In place of the plan's."""
    least_repetitions: Count | None = None
    """Repetitions after which the others are left out where they would only say the same."""
    dilation: OneOrAll[Dilation] = ()
    """In place of the plan's, where there is one."""
    function: OneOrAll[Text] = ()
    """Functions that the load is put on; all of the axis where none is named."""
    memory_mb: OneOrAll[Count] = ()
    """Sizes that the load is put on; all of the axis where none is named."""
    asynchronous: Annotated[Asynchronous | None, BeforeValidator(_asynchronous)] = None
    """What is asked of the queue where requests are events; None: clients wait for answers."""

    @property
    def invocation(self) -> Invocation:
        """What the load's clients wait for."""
        return Invocation.REQUEST_RESPONSE if self.asynchronous is None else Invocation.EVENT

    @property
    def label(self) -> str:
        """Name of the load within its plan: its kind, and whether it is of events."""
        return label_of(self.kind, asynchronous=self.asynchronous is not None)

    def concerns(self, function: str, memory_mb: int) -> bool:
        """Tells whether the load is put on a function at a memory size."""
        return function in (self.function or (function,)) and memory_mb in (
            self.memory_mb or (memory_mb,)
        )


class Ramp(_Scenario):
    """Describes users who come in equal steps; each asks again after a pause."""

    kind: Literal["ramp"] = "ramp"
    users: OneOrMore[Count] = RAMP_USERS
    """Number of users in each step."""
    seconds: Positive = 120.0
    """Emulated time of all steps together."""
    wait_s: Number = 0.1
    """A user's pause from an answer to the next request."""
    ping: Ping | None = None


class Constant(_Scenario):
    """Describes a number of users that stays the same."""

    kind: Literal["constant"] = "constant"
    users: Annotated[OneOrMore[Count], Field(max_length=1)] = (1,)
    seconds: Positive = 120.0
    wait_s: Number = 0.1


class Poisson(_Scenario):
    """Describes requests that come by chance, whether the last one was answered or not."""

    kind: Literal["poisson"] = "poisson"
    rate: Positive
    """Requests a second."""
    seconds: Positive = 120.0


class Trace(_Scenario):
    """Describes requests at the times of a file."""

    kind: Literal["trace"] = "trace"
    file: TraceFile
    """CSV file with a column `at`: seconds since its beginning, rising."""
    _seconds: float = PrivateAttr(0.0)

    def model_post_init(self, _: Any) -> None:
        self._seconds = last_arrival(self.file)

    @property
    def seconds(self) -> float:
        """Emulated time to the last request."""
        return self._seconds


class SingleRequests(_Scenario):
    """Describes requests far apart."""

    minutes: RisingMinutes = IDLE_MINUTES
    """When requests come, in a time that runs `idle_speedup` times faster."""

    @property
    def seconds(self) -> float:
        """Emulated time to the last request."""
        return max(self.minutes) * MINUTE / self.idle_speedup


class Idle(SingleRequests):
    """Describes requests between which sandboxes idle."""

    kind: Literal["idle"] = "idle"


class KeepWarm(SingleRequests):
    """Describes the requests of `Idle` beside pings that keep sandboxes alive."""

    kind: Literal["keep-warm"] = "keep-warm"
    ping: Ping


Scenario = Ramp | Idle | Constant | Poisson | Trace | KeepWarm


def ping_of(scenario: Scenario) -> Ping | None:
    """Returns the pings beside a load; None where there are none."""
    return scenario.ping if isinstance(scenario, Ramp | KeepWarm) else None
