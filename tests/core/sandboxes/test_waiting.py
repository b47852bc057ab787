from __future__ import annotations

import pytest

from emulator.core.model import Footprint, FunctionVersion, Sandbox
from emulator.core.policy import Binding
from emulator.core.sandboxes.waiting import LateBinding, Unhurried, Waiting

ECHO = FunctionVersion("echo", 128, 3.0)


def sandbox(number: int, invocation: str) -> Sandbox:
    footprint = Footprint(ECHO, ECHO.memory_mb)
    return Sandbox(number, ECHO, 0.0, 600.0, footprint, ECHO.key, invocation=invocation)


def test_requests_are_taken_in_their_order_each_with_its_own_sandbox() -> None:
    waiting, one, two = Waiting(), sandbox(1, "a"), sandbox(2, "b")
    waiting.wait("a", one)
    waiting.wait("b", two)
    assert waiting.count(ECHO.key) == 2
    assert waiting.take(ECHO.key) == ("a", one)
    assert waiting.take(ECHO.key) == ("b", two)
    assert waiting.take(ECHO.key) is None


@pytest.mark.parametrize("fact", ["retired", "provisioned"])
def test_request_moves_under_late_binding_alone_and_not_to_every_sandbox(fact: str) -> None:
    one = sandbox(1, "a")
    assert LateBinding(Binding.LATE).may_move(one)
    assert not LateBinding(Binding.EARLY).may_move(one)
    setattr(one, fact, True)
    assert not LateBinding(Binding.LATE).may_move(one)


def test_request_whose_sandbox_starts_is_left_to_that_sandbox() -> None:
    waiting, one = Unhurried(), sandbox(1, "a")
    one.unhurried = True
    waiting.wait("a", one)
    waiting.started(one)
    assert waiting.count(ECHO.key) == 0
