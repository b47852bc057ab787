"""Fixed, LRU, pre-warming, provisioned by timetable and by use, the oracle: in a scheduler."""

from __future__ import annotations

import pytest

from emulator.core.messages.commands import Dispatch, FreezeSandbox, StartSandbox, StopSandbox
from emulator.core.messages.events import InvokeRequested, SandboxReady, TimePassed
from emulator.core.model import StartKind, StopReason
from emulator.core.policies.fixed import Fixed
from emulator.core.policies.interface import Policy, PolicyChoice
from emulator.core.policies.lru import LeastRecentlyUsed
from emulator.core.policies.oracle import Oracle
from emulator.core.policies.prewarming import Prewarming
from emulator.core.policies.provisioned import Provisioned
from emulator.core.policies.target_tracking import TargetTracking
from emulator.core.policy import FixedKeepAlive
from tests.core.scheduler_host import BIG, ECHO, Host

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
ENDED = StopReason.KEEP_ALIVE_ENDED


def host(policy: Policy, **settings: object) -> Host:
    return Host(policy=PolicyChoice("test", lambda: policy), **settings)


def provisioned(host: Host) -> int:
    return sum(each.provisioned for each in host.scheduler.sandboxes.values())


def test_fixed_time_goes_before_the_keep_alive() -> None:
    there = host(Fixed(30.0), keep_alive=FixedKeepAlive(600.0))
    there.idle(0, 1)
    assert there.scheduler.next_deadline() == 30.0
    assert there.tell(30, TimePassed()) == [StopSandbox(1, ENDED)]


def test_base_leaves_all_to_the_keep_alive() -> None:
    there = host(Policy(), keep_alive=FixedKeepAlive(600.0))
    there.idle(0, 1)
    assert there.scheduler.next_deadline() == 600.0


def test_lru_ends_nothing_until_memory_is_short_and_then_the_longest_idle() -> None:
    there = host(LeastRecentlyUsed(), host_memory_mb=512)
    there.idle(0, 1, 2, 3, 4)
    there.invoke(5, "again")
    there.finish(6, 4, "again")  # the most recently used served
    assert there.scheduler.next_deadline() is None
    commands = there.invoke(1e6, "big", BIG)
    assert [each.sandbox for each in commands if isinstance(each, StopSandbox)] == [1, 2, 3, 4]
    there = host(LeastRecentlyUsed(), host_memory_mb=768)
    there.idle(0, 1, 2, 3, 4)
    assert there.invoke(1, "big", BIG)[:2] == [
        StopSandbox(1, StopReason.EVICTED),
        StopSandbox(2, StopReason.EVICTED),
    ]


def test_prewarming_keeps_a_spare_sandbox_ready_under_load() -> None:
    there = host(Prewarming(1), keep_alive=FixedKeepAlive(60.0))
    there.invoke(0, "a")
    assert there.tell(1, SandboxReady(1)) == [
        Dispatch(1, "a", StartKind.COLD),
        StartSandbox(2, ECHO, None, prewarmed=True),
    ]
    assert there.tell(2, SandboxReady(2)) == [FreezeSandbox(2)]
    assert there.invoke(3, "b") == [
        Dispatch(2, "b", StartKind.WARM),
        StartSandbox(3, ECHO, None, prewarmed=True),
    ]
    there.finish(3, 1, "a")
    assert there.invoke(3, "c") == [Dispatch(1, "c", StartKind.WARM)]  # the third still starts
    assert there.tell(4, SandboxReady(3)) == [FreezeSandbox(3)]
    assert StopSandbox(3, ENDED) in there.tell(64, TimePassed())


def test_prewarming_evicts_nobody() -> None:
    there = host(Prewarming(3), host_memory_mb=256)
    there.busy(0, 1)
    assert [each.prewarmed for each in there.scheduler.sandboxes.values()] == [False, True]


def test_timetable_is_followed_day_after_day() -> None:
    there = host(Provisioned("0800x3+2000x0"), host_memory_mb=100_000)
    seen = {}
    for hour in range(54):
        there.tell(hour * HOUR, TimePassed())
        for number, each in list(there.scheduler.sandboxes.items()):
            if each.state.name == "STARTING":
                there.tell(hour * HOUR, SandboxReady(number))
        alive = [each for each in there.scheduler.sandboxes.values() if each.state.name == "IDLE"]
        seen[hour] = len([each for each in alive if each.function.key == ECHO])
    assert [seen[hour] for hour in (0, 7, 8, 19, 20, 31, 32, 43, 44, 53)] == [
        *(0, 0, 3, 3, 0, 0, 3, 3, 0, 0)
    ]


def test_timetable_of_one_entry_sets_no_timer() -> None:
    there = host(Provisioned("0000x2"))
    assert provisioned(there) == 4  # of both functions
    for number in range(1, 5):
        there.tell(1, SandboxReady(number))
    assert there.scheduler.next_deadline() is None


@pytest.mark.parametrize("entry", ["", "800x5", "2400x1", "0860x1", "0800", "0800x-1", "0800x1+"])
def test_wrong_timetables_are_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is no entry of a timetable, such as 0800x5"):
        Provisioned(entry)


@pytest.mark.parametrize(
    ("count", "points", "wanted"),
    [
        (10, [0.7] * 20, 10),  # on target
        (10, [1.0, 1.0], 10),  # two minutes are not three
        (10, [1.0, 1.0, 1.0], 15),  # 10 * 1 / .7 = 14.3
        (10, [0.8, 0.75, 0.85], 12),  # 10 * .8 / .7 = 11.4
        (10, [1.0, 0.7, 1.0], 10),  # one of three is not above
        (90, [1.0] * 3, 100),  # no more than the most
        (10, [0.3] * 14, 10),  # 14 minutes are not 15
        (10, [0.3] * 15, 9),  # a tenth at a time
        (40, [0.6] * 15, 36),  # 40 * .6 / .7 = 34.3 is further than a tenth
        (40, [0.62] * 15, 36),
        (10, [0.6] * 14 + [0.64], 10),  # .63 is the limit: nine tenths of the target
        (3, [0.0] * 15, 2),
        (2, [0.0] * 15, 2),  # no less than the least
    ],
)
def test_target_tracking_follows_its_two_alarms(
    count: int, points: list[float], wanted: int
) -> None:
    assert TargetTracking(0.7, least=2, most=100).wanted(count, points) == wanted


def test_provisioned_concurrency_grows_after_three_busy_minutes() -> None:
    policy = TargetTracking(0.7, least=1, most=10)
    there = host(policy, host_memory_mb=100_000)
    there.tell(0, SandboxReady(1))
    found = []
    for second in range(241):
        there.invoke(second, f"i{second}")
        there.finish(second + 0.9375, 1, f"i{second}")  # busy for 94 % of the time
        found.append(
            len(
                [
                    each
                    for each in there.scheduler.sandboxes.values()
                    if each.provisioned and each.function.key == ECHO
                ]
            )
        )
    assert (found[179], found[180], found[240]) == (1, 2, 2)


def test_oracle_starts_in_time_and_keeps_only_what_is_needed_soon() -> None:
    policy = Oracle({ECHO: (100.0, 101.0, 200.0)}, lead=5.0)
    there = host(policy, host_memory_mb=100_000)
    first = 100 - 5 - 2**-10
    assert there.scheduler.next_deadline() == first
    assert there.tell(first, TimePassed()) == [StartSandbox(1, ECHO, None, prewarmed=True)]
    assert there.tell(96 + 2**-10, TimePassed()) == [StartSandbox(2, ECHO, None, prewarmed=True)]
    there.tell(99.5, SandboxReady(1))
    there.tell(99.75, SandboxReady(2))
    dispatched = there.tell(100, InvokeRequested("a", ECHO))
    assert dispatched == [Dispatch(2, "a", StartKind.WARM)]
    assert there.finish(100.5, 2, "a") == [StopSandbox(2, ENDED)]  # the other waits for the second
    assert there.tell(101, InvokeRequested("b", ECHO)) == [Dispatch(1, "b", StartKind.WARM)]
    assert there.finish(102, 1, "b") == [StopSandbox(1, ENDED)]
    assert there.scheduler.next_deadline() == 200 - 5 - 2**-10
