from __future__ import annotations

import math

import pytest

from emulator.core.messages.commands import (
    Command,
    Dispatch,
    FreezeSandbox,
    StartSandbox,
    StopSandbox,
    Throttle,
)
from emulator.core.messages.events import (
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    SandboxReady,
    TimePassed,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.messages.measurements import Anatomy
from emulator.core.model import (
    FunctionVersion,
    SandboxState,
    StartKind,
    StopReason,
    ThrottleReason,
    VersionKey,
)
from emulator.core.network_path import Trust
from emulator.core.network_paths import PATHS
from emulator.core.placement import CodeCache, Placement
from emulator.core.policy import Binding
from tests.core.scheduler_host import Host

KEY = VersionKey.of("code")
RULE = Placement(((0.0, 0.0), (10.0, 1.0), (20.0, 4.0)), Trust.LOW, "made up")
CODE = FunctionVersion("code", 128, 3.0, package_mb=15.0)
"""Its first sandbox waits for 2.5 s."""


@pytest.mark.parametrize(
    ("package_mb", "seconds"), [(0, 0), (5, 0.5), (10, 1), (15, 2.5), (20, 4), (30, 7)]
)
def test_time_is_linear_between_the_sizes_and_beyond_the_last(
    package_mb: float, seconds: float
) -> None:
    assert RULE.seconds(package_mb) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "points",
    [
        ((0.0, 0.0),),
        ((1.0, 0.0), (2.0, 1.0)),
        ((0.0, 1.0), (2.0, 0.5)),
        ((0.0, -1.0), (2.0, 0.5)),
        ((0.0, 0.0), (2.0, 1.0), (2.0, 2.0)),
    ],
)
def test_what_is_no_table_of_sizes_is_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="placement"):
        Placement(points, Trust.LOW, "made up")


def test_code_is_at_hand_once_its_first_download_is_over() -> None:
    cache = CodeCache(RULE)
    assert [cache.wait(CODE, now) for now in (1.0, 3.4, 3.5, 99.0)] == [2.5, 2.5, 0.0, 0.0]


def test_a_new_revision_is_fetched_anew_and_functions_do_not_share() -> None:
    cache = CodeCache(RULE)
    assert cache.wait(CODE, 0.0) == 2.5
    new = FunctionVersion("code", 128, 3.0, revision=1, package_mb=5.0)
    assert [cache.wait(new, now) for now in (9.0, 9.5)] == [0.5, 0.0]
    assert cache.wait(FunctionVersion("other", 128, 3.0, package_mb=10.0), 9.0) == 1.0


def test_without_a_placement_nothing_waits() -> None:
    assert CodeCache(None).wait(CODE, 0.0) == 0.0


def test_the_paths_have_what_their_sources_tell() -> None:
    study = PATHS["aws-2018/sao-paulo-us-east-1"].placement
    measured = PATHS["aws-2021/zip-size"].placement
    assert study is not None
    assert measured is not None
    assert study.seconds(65.0) == 2.0
    assert measured.seconds(14.0) + 0.264 == pytest.approx(1.695)
    assert measured.seconds(35.0) + 0.264 == pytest.approx(3.875)
    assert PATHS["local"].placement is None


# in the scheduler


def host(**settings: object) -> Host:
    here = Host(placement=RULE, **settings)
    assert here.tell(0, VersionDeployed(CODE)) == []
    return here


def started(sandbox: int, invocation: str | None, download: float) -> StartSandbox:
    return StartSandbox(sandbox, KEY, invocation, download=download)


def passed(here: Host, now: float) -> list[Command]:
    assert here.scheduler.next_deadline() == now
    return here.tell(now, TimePassed())


def test_the_first_sandbox_starts_when_its_code_is_there_and_later_ones_at_once() -> None:
    here = host()
    assert here.invoke(1.0, "a", KEY) == []
    assert passed(here, 3.5) == [started(1, "a", 2.5)]
    assert here.invoke(4.0, "b", KEY) == [started(2, "b", 0.0)]


def test_sandboxes_that_wait_for_code_hold_memory_and_no_place_to_start() -> None:
    here = host(host_memory_mb=384, start_width=1)
    assert here.invoke(1.0, "a", KEY) == []
    assert here.invoke(1.5, "b", KEY) == []
    # the function without a zip waits for nothing, and takes the place
    assert here.invoke(2.0, "c") == [StartSandbox(3, VersionKey.of("echo"), "c")]
    refused = here.invoke(2.0, "d", KEY)
    assert refused == [Throttle("d", ThrottleReason.HOST_MEMORY)]
    assert passed(here, 3.5) == []  # the place is taken
    assert here.tell(3.75, SandboxReady(3)) == [
        Dispatch(3, "c", StartKind.COLD),
        started(1, "a", 2.5),
    ]


def test_who_waits_for_code_is_not_stopped_with_it_when_the_version_is_replaced() -> None:
    here = host()
    assert here.invoke(1.0, "a", KEY) == []
    assert here.tell(2.0, VersionRetired(KEY)) == []
    assert passed(here, 3.5) == [started(1, "a", 2.5)]
    assert here.tell(4.0, SandboxReady(1)) == [Dispatch(1, "a", StartKind.COLD)]
    assert here.finish(4.5, 1, "a") == [StopSandbox(1, StopReason.RETIRED)]


def test_a_provisioned_sandbox_that_waits_for_code_can_be_given_up() -> None:
    here = host()
    assert here.tell(1.0, ProvisionedSet(KEY, 1)) == []
    (sandbox,) = here.scheduler.sandboxes.values()
    assert (sandbox.state, sandbox.placed) == (SandboxState.QUEUED, False)
    assert here.tell(2.0, ProvisionedSet(KEY, 0)) == []
    assert not here.scheduler.sandboxes
    assert here.scheduler.next_deadline() is None


def test_under_late_binding_a_free_sandbox_saves_the_wait() -> None:
    here = host(binding=Binding.LATE)
    here.invoke(1.0, "a", KEY)
    here.invoke(2.0, "b", KEY)
    assert passed(here, 3.5) == [started(1, "a", 2.5)]
    assert here.tell(3.75, SandboxReady(1)) == [Dispatch(1, "a", StartKind.COLD)]
    assert here.finish(4.0, 1, "a") == [Dispatch(1, "b", StartKind.WARM)]
    assert list(here.scheduler.sandboxes) == [1]  # the other's code is wanted no more
    assert here.finish(4.25, 1, "b") == [FreezeSandbox(1)]


def test_the_wait_for_code_is_no_part_of_the_wait_in_the_queue() -> None:
    from emulator.core.record_fold import fold  # noqa: PLC0415
    from tests.stories import journal  # noqa: PLC0415

    story = [
        (0.0, VersionDeployed(CODE)),
        (1.0, InvokeRequested("a", KEY)),
        (3.5, TimePassed()),
        (4.0, SandboxReady(1, Anatomy(init=0.5))),
        (4.5, InvocationFinished(1, "a")),
        (5.0, InvokeRequested("b", KEY)),
        (5.5, InvocationFinished(1, "b")),
    ]
    cold, warm = fold(journal(story, placement=RULE))[0]
    assert (cold.download, cold.queued, cold.start) == (2.5, 0.0, StartKind.COLD)
    assert math.isclose(cold.latency, 3.5)
    assert (warm.download, warm.queued) == (0.0, 0.0)
