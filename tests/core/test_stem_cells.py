from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.journal import Entry
from emulator.core.messages import (
    Anatomy,
    FreezeSandbox,
    InitBegan,
    InvocationFinished,
    InvokeRequested,
    MakeStemCell,
    SandboxGone,
    SandboxReady,
    StartSandbox,
    StemCellGone,
    StemCellReady,
    StopStemCell,
    TimePassed,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import FunctionVersion, VersionKey
from emulator.core.policy import Binding
from emulator.core.record_fold import fold
from emulator.core.stem_cells import StemCells, read_stem_cells
from tests.core.scheduler_host import ECHO, Host

if TYPE_CHECKING:
    from emulator.core.messages import Command

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
