from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.journal import Entry
from emulator.core.messages.commands import (
    FreezeSandbox,
    MakeStemCell,
    StartSandbox,
    StopStemCell,
    Throttle,
)
from emulator.core.messages.events import (
    HostMemoryMeasured,
    InitBegan,
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    SandboxGone,
    SandboxReady,
    StemCellGone,
    StemCellReady,
    TimePassed,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.messages.measurements import Anatomy
from emulator.core.model import FunctionVersion, ThrottleReason, VersionKey
from emulator.core.policy import Admission, Binding
from emulator.core.record_fold import fold
from emulator.core.stem_cells import StemCells, read_stem_cells
from tests.core.scheduler_host import BIG, ECHO, Host

if TYPE_CHECKING:
    from emulator.core.messages.commands import Command

KEY, OTHER = VersionKey.of("python"), VersionKey.of("java")
PYTHON = FunctionVersion("python", 128, 3.0, stem="python3.13")


def host(each: int = 1, **settings: Any) -> Host:
    return Host(stem_cells=StemCells(each, pace=1.0, pause=30.0), **settings)


def cell(here: Host, at: float, number: int) -> list[Command]:
    return here.tell(at, StemCellReady(number))


def test_cells_are_made_one_at_a_time_and_at_a_bounded_pace_until_all_are_there() -> None:
    here = host(2)
    assert here.tell(0, VersionDeployed(PYTHON)) == [MakeStemCell(1, "python3.13")]
    assert cell(here, 0.25, 1) == []
    assert here.scheduler.next_deadline() == 1.0
    assert here.tell(1.0, TimePassed()) == [MakeStemCell(2, "python3.13")]
    assert cell(here, 3.0, 2) == []
    assert here.scheduler.next_deadline() is None


def test_start_that_a_request_waits_for_takes_the_cell_that_is_ready_for_longest() -> None:
    here = host(2)
    here.tell(0, VersionDeployed(PYTHON))
    cell(here, 0.5, 1)
    here.tell(1, TimePassed())
    cell(here, 1.5, 2)
    assert here.invoke(5, "r1", KEY) == [StartSandbox(1, KEY, "r1", cell=1)]
    assert here.invoke(5, "r2", KEY) == [StartSandbox(2, KEY, "r2", cell=2)]
    assert here.invoke(5, "r3", KEY) == [StartSandbox(3, KEY, "r3")]


def test_cell_that_is_not_ready_yet_is_waited_for_by_nobody() -> None:
    here = host()
    here.tell(0, VersionDeployed(PYTHON))
    assert here.invoke(0, "r1", KEY) == [StartSandbox(1, KEY, "r1")]


def test_no_cell_is_made_while_a_sandbox_starts() -> None:
    here = host()
    here.tell(0, VersionDeployed(PYTHON))
    cell(here, 0.5, 1)
    here.invoke(2, "r1", KEY)
    assert here.tell(2, InitBegan(1)) == []
    assert here.scheduler.next_deadline() == 12.0, "the limit of its init alone"
    assert MakeStemCell(2, "python3.13") in here.tell(4, SandboxReady(1))


def test_sandboxes_that_no_request_waits_for_take_no_cell() -> None:
    here = host(binding=Binding.EARLY)
    here.tell(0, VersionDeployed(PYTHON))
    cell(here, 0.5, 1)
    assert here.invoke(1, "r1") == [StartSandbox(1, ECHO, "r1")], "another runtime"
    restored = FunctionVersion("python", 128, 3.0, revision=1, snapshot=True, stem="python3.13")
    here.tell(1, VersionDeployed(restored))
    assert here.invoke(1, "r2", KEY) == [StartSandbox(2, KEY, "r2")], "a snapshot is more"


def test_cells_end_with_the_last_version_of_their_runtime() -> None:
    here = host()
    here.tell(0, VersionDeployed(PYTHON))
    here.tell(0, VersionDeployed(FunctionVersion("java", 128, 3.0, stem="java21")))
    cell(here, 0.5, 1)
    here.tell(1, TimePassed())
    assert here.tell(2, VersionRetired(KEY)) == [StopStemCell(1)]
    assert here.tell(2, VersionRetired(OTHER)) == [StopStemCell(2)]
    assert here.scheduler.next_deadline() is None
    assert cell(here, 3, 2) == []


def test_cell_that_cannot_be_made_is_tried_again_after_a_pause() -> None:
    here = host()
    here.tell(0, VersionDeployed(PYTHON))
    assert here.tell(2, StemCellGone(1)) == []
    assert here.scheduler.next_deadline() == 32.0
    assert here.tell(32, TimePassed()) == [MakeStemCell(2, "python3.13")]


def test_cell_that_ends_unasked_is_replaced() -> None:
    here = host()
    here.tell(0, VersionDeployed(PYTHON))
    cell(here, 0.5, 1)
    assert here.tell(2, StemCellGone(1)) == [MakeStemCell(2, "python3.13")]
    assert here.tell(2, StemCellGone(1)) == []


def test_cells_give_way_and_the_one_that_the_sandbox_would_take_goes_last() -> None:
    here = host(2, host_memory_mb=550)
    here.tell(0, VersionDeployed(PYTHON))
    here.tell(0, VersionDeployed(FunctionVersion("java", 128, 3.0, stem="java21")))
    for number in (1, 2, 3, 4):
        cell(here, number - 0.5, number)
        here.tell(number, TimePassed())
    big = FunctionVersion("python", 535, 3.0, revision=1, stem="python3.13")
    here.tell(5, VersionDeployed(big))
    assert here.invoke(5, "r1", KEY) == [
        *(StopStemCell(2), StopStemCell(3)),  # java's
        StopStemCell(4),
        StartSandbox(1, KEY, "r1", cell=1),
    ]


def test_idle_sandbox_outlives_the_cells() -> None:
    here = host(2, host_memory_mb=640)
    here.tell(0, VersionDeployed(PYTHON))
    cell(here, 0.5, 1)
    here.idle(1, 1)
    ended = [StopStemCell(1), StopStemCell(2)]
    assert here.invoke(2, "r2", BIG) == [*ended, StartSandbox(2, BIG, "r2")]


def test_no_cell_is_given_up_for_a_sandbox_that_would_find_no_room_all_the_same() -> None:
    here = host(host_memory_mb=500)
    here.tell(0, VersionDeployed(PYTHON))
    cell(here, 0.5, 1)
    throttled = Throttle("r1", ThrottleReason.HOST_MEMORY)
    assert here.invoke(1, "r1", BIG) == [throttled]


def test_no_cell_is_made_into_memory_that_sandboxes_have_and_none_soon_after_one_gave_way() -> None:
    here = host(host_memory_mb=128)
    here.tell(0, VersionDeployed(PYTHON))
    cell(here, 0.5, 1)
    assert here.invoke(1, "r1", ECHO) == [StopStemCell(1), StartSandbox(1, ECHO, "r1")]
    here.tell(1, SandboxReady(1))
    here.tell(1, SandboxGone(1, 1))
    assert here.scheduler.next_deadline() == 31.0
    here.invoke(20, "r2", ECHO)
    here.tell(20, SandboxReady(2))
    here.finish(21, 2, "r2")
    assert here.tell(31, TimePassed()) == []
    assert here.scheduler.next_deadline() != 31.0
    assert here.tell(40, SandboxGone(2, 1)) == [MakeStemCell(2, "python3.13")]


def test_cells_count_with_what_the_last_of_their_runtime_was_seen_to_have() -> None:
    here = host(2, host_memory_mb=170)
    here.tell(0, VersionDeployed(PYTHON))
    here.tell(0.5, StemCellReady(1, 30))
    assert here.invoke(0.5, "r1", ECHO) == [StartSandbox(1, ECHO, "r1")]
    here.tell(0.5, SandboxReady(1))
    assert here.tell(1, TimePassed()) == [], "128 MB, 30 MB and 30 MB are more than 170 MB"


def test_cells_end_where_they_are_seen_to_have_more_than_is_left() -> None:
    here = host(host_memory_mb=150)
    here.tell(0, VersionDeployed(PYTHON))
    here.invoke(0.25, "r1", ECHO)
    assert here.tell(0.5, StemCellReady(1, 30)) == [StopStemCell(1)]


def test_provisioned_concurrency_takes_the_memory_of_cells() -> None:
    here = host(host_memory_mb=128)
    here.tell(0, VersionDeployed(PYTHON))
    cell(here, 0.5, 1)
    assert here.tell(1, ProvisionedSet(ECHO, 1)) == [StopStemCell(1), StartSandbox(1, ECHO, None)]


def test_memory_that_the_host_lacks_ends_every_cell() -> None:
    here = host(2, admission=Admission.ACTUAL, host_reserve_mb=512)
    here.tell(0, VersionDeployed(PYTHON))
    cell(here, 0.5, 1)
    here.tell(1, TimePassed())
    assert here.tell(2, HostMemoryMeasured(100)) == [StopStemCell(1), StopStemCell(2)]


def test_cell_becomes_one_sandbox_for_its_life() -> None:
    here = host()
    here.tell(0, VersionDeployed(PYTHON))
    cell(here, 0.5, 1)
    here.invoke(1, "r1", KEY)
    here.tell(1, SandboxGone(1, 1))
    assert here.invoke(2, "r2", KEY) == [StartSandbox(2, KEY, "r2")]


def test_record_tells_that_the_sandbox_was_a_cell() -> None:
    here, entries = host(), []
    for at, event in (
        (0.0, VersionDeployed(PYTHON)),
        (0.5, StemCellReady(1)),
        (1.0, InvokeRequested("r1", KEY)),
        (1.0, InitBegan(1)),
        (1.5, SandboxReady(1, Anatomy(connect=0.25, init=0.25))),
    ):
        entries.append(Entry(at, event, tuple(here.tell(at, event))))
    commands = tuple(here.finish(2.0, 1, "r1"))
    assert FreezeSandbox(1) in commands
    entries.append(Entry(2.0, InvocationFinished(1, "r1"), commands))
    ((record,), (sandbox,)) = fold(entries)
    assert (record.stem_cell, sandbox.stem_cell) == (True, True)
    assert record.anatomy == Anatomy(connect=0.25, init=0.25)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), None),
        (("0",), None),
        (("2",), StemCells(2)),
        (("python3.13=4",), StemCells(0, (("python3.13", 4),))),
        (("1", "java21=0"), StemCells(1, (("java21", 0),))),
    ],
)
def test_words_say_how_many_cells_are_kept(words: tuple[str, ...], found: StemCells | None) -> None:
    assert read_stem_cells(words) == found


@pytest.mark.parametrize("words", [("some",), ("=2",), ("python3.13=",), ("-1",), ("1", "2")])
def test_words_that_say_nothing_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"neither a number|two numbers"):
        read_stem_cells(words)
