"""Policies see idle time alone, and the scheduler its own time alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from emulator.core.model import Footprint, FunctionVersion, Sandbox, VersionKey
from emulator.core.policies.clocked import ClockedPolicy
from emulator.core.policies.interface import Policy, PreWarm, Wake

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.core.policy import Chance

ECHO = FunctionVersion("echo", 128, 3.0)
PREWARM = PreWarm(VersionKey.of("echo"))


@dataclass(eq=False)
class Listening(Policy):
    keep: Seconds | None = 120.0
    heard: list[tuple[str, Seconds]] = field(default_factory=list)

    def ended(self, sandbox: Sandbox, now: Seconds) -> None:  # noqa: ARG002
        self.heard.append(("ended", now))

    def idle(self, sandbox: Sandbox, now: Seconds, chance: Chance) -> Seconds | None:  # noqa: ARG002
        return self.keep

    def expired(self, sandbox: Sandbox, now: Seconds) -> Seconds:  # noqa: ARG002
        return 30.0


def clocked(policy: Policy, now: Seconds) -> ClockedPolicy:
    made = ClockedPolicy(policy, 60.0, random.Random(0))
    made.tell_time(now)
    return made


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(1, ECHO, 0.0, 600.0, Footprint(ECHO, 128), ECHO.key, prewarmed=True)


def test_policy_hears_the_idle_time_of_an_event(sandbox: Sandbox) -> None:
    policy = Listening()
    clocked(policy, 2.0).ended(sandbox)
    assert policy.heard == [("ended", 120.0)]


def test_times_that_a_policy_decides_are_turned_back(sandbox: Sandbox) -> None:
    policy = clocked(Listening(), 2.0)
    assert policy.keep_alive(sandbox) == 2.0
    assert policy.extension(sandbox) == 0.5


def test_policy_without_a_word_keeps_what_was(sandbox: Sandbox) -> None:
    assert clocked(Listening(keep=None), 2.0).keep_alive(sandbox) is None


def test_orders_are_taken_once_and_wake_at_the_schedulers_time() -> None:
    policy = clocked(Policy(), 2.0)
    policy.policy.orders += [Wake("soon", 180.0), PREWARM]
    assert policy.has_orders()
    assert policy.take_orders() == [Wake("soon", 3.0), PREWARM]
    assert not policy.has_orders()


def test_first_request_ends_what_is_ahead_of_need(sandbox: Sandbox) -> None:
    clocked(Policy(), 2.0).began(sandbox)
    assert not sandbox.prewarmed
