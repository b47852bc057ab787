"""Describes the kinds of load that a plan may ask for, as [[scenario]] tables write them.

Owns the keys and their defaults. No class here knows how a load is made.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

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


class Ping(PlanTable):
    """Describes the mitigation: requests that only keep sandboxes alive."""

    every_minutes: Positive
    """Minutes of the emulator's time: idle speed-up and dilation apply."""
    parallel: Count = 1


class _Scenario(PlanTable):
    """Describes what all kinds of load have in common."""

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
