from __future__ import annotations

import pytest

from emulator.core.model import Footprint, FunctionVersion, Sandbox
from emulator.core.policy import PickOrder
from emulator.core.sandboxes.idle import IdleSandboxes, victims

ECHO = FunctionVersion("echo", 128, 3.0)


def sandbox(number: int, *, provisioned: bool = False) -> Sandbox:
    footprint = Footprint(ECHO, ECHO.memory_mb)
    return Sandbox(number, ECHO, 0.0, 600.0, footprint, ECHO.key, provisioned=provisioned)


def idle(*sandboxes: Sandbox, order: PickOrder = PickOrder.MOST_RECENTLY_USED) -> IdleSandboxes:
    kept = IdleSandboxes(order)
    for each in sandboxes:
        kept.add(each)
    return kept


def test_provisioned_sandbox_is_picked_apart_and_never_evicted() -> None:
    one, ready = sandbox(1), sandbox(2, provisioned=True)
    kept = idle(one, ready)
    assert list(kept.evictable()) == [one]
    assert kept.pick_provisioned(ECHO.key) is ready
    assert kept.pick_provisioned(ECHO.key) is None
    assert kept.pick(ECHO.key) is one


def test_longest_idle_is_evicted_first_whichever_is_picked_first() -> None:
    one, two = sandbox(1), sandbox(2)
    assert list(idle(one, two).evictable()) == [one, two]
    assert idle(one, two).pick(ECHO.key) is two


def test_sandbox_that_was_picked_is_not_evicted() -> None:
    one, two = sandbox(1), sandbox(2)
    kept = idle(one, two, order=PickOrder.OLDEST_FIRST)
    assert kept.pick(ECHO.key) is one
    assert list(kept.evictable()) == [two]
    assert kept.count(ECHO.key) == 1


def test_pool_without_sandboxes_has_none() -> None:
    kept = idle(sandbox(1, provisioned=True))
    assert kept.has(ECHO.key)
    kept.pick_provisioned(ECHO.key)
    assert not kept.has(ECHO.key)


@pytest.mark.parametrize(("missing_mb", "count"), [(1, 1), (128, 1), (129, 2), (256, 2), (257, 0)])
def test_no_more_are_evicted_than_is_needed_and_none_in_vain(missing_mb: int, count: int) -> None:
    order = [sandbox(1), sandbox(2)]
    assert victims(order, missing_mb) == order[:count]
