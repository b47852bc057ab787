"""Inits that failed, as the fold reports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from emulator.core.journal import Entry
from emulator.core.messages.events import (
    Event,
    InitBegan,
    InitFailed,
    InvocationFinished,
    ProvisionedSet,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    TimePassed,
)
from emulator.core.model import StartKind
from emulator.core.policy import FixedKeepAlive
from emulator.core.record_fold import RecordFold
from emulator.core.records import InitPhase, InitReport, Status
from tests.core.scheduler_host import ECHO
from tests.stories import ANATOMY, EXIT, USED, Story, asked, journal, record

if TYPE_CHECKING:
    from typing import Any


def reports(*story: tuple[float, Event], **settings: Any) -> list[tuple[float, InitReport]]:
    """Each with the time of the entry that brought it."""
    folder = RecordFold()
    told: list[tuple[float, InitReport]] = []
    for entry in journal(story, **settings):
        folder.feed(entry)
        told += [(entry.at, report) for report in folder.failed_inits]
    return told


BEGUN: Story = [(1.0, asked("a")), (1.5, InitBegan(1))]


@pytest.mark.parametrize(
    ("at", "end", "error_type"),
    [
        (2.0, InitFailed(1, "Runtime.ImportModuleError"), "Runtime.ImportModuleError"),
        (2.0, InitFailed(1), "Runtime.Unknown"),
        (2.0, EXIT, "Runtime.ExitError"),
        (2.0, replace(EXIT, out_of_memory=True), "Runtime.OutOfMemory"),
        (2.0, replace(EXIT, error_type="Extension.Crash"), "Extension.Crash"),
        (11.5, TimePassed(), ""),
        (11.5, InitFailed(1, "Runtime.ImportModuleError"), ""),
        (11.5, EXIT, ""),
        (11.5, SandboxReady(1, ANATOMY), ""),
        (11.5, InitFailed(2, "Runtime.ImportModuleError"), ""),
    ],
)
def test_failed_init_is_reported_from_its_beginning_to_its_end(
    at: float, end: Event, error_type: str
) -> None:
    report = InitReport(1, at, at - 1.5, InitPhase.INIT, error_type)
    assert reports(*BEGUN, (at, end)) == [(at, report)]


def test_failed_init_ends_nothing_and_the_request_is_cold_without_an_anatomy() -> None:
    story: Story = [
        *BEGUN,
        (2.0, InitFailed(1, "Runtime.ImportModuleError")),
        (3.0, SandboxReset(1)),
    ]
    assert record(*story) == []
    (made,) = record(
        *story, (4.0, SandboxReady(1, ANATOMY)), (5.0, InvocationFinished(1, "a", "", 36))
    )
    assert (made.status, made.start, made.anatomy) == (Status.OK, StartKind.COLD, None)
    assert (made.dispatched_at, made.duration, made.max_memory_mb) == (3.0, 2.0, 36)


@pytest.mark.parametrize(
    ("at", "end", "status", "error_type", "told"),
    [
        (4.0, InitFailed(1, "E"), Status.INIT_ERROR, "E", "E"),
        (4.0, EXIT, Status.EXITED, "runtime exited", "Runtime.ExitError"),
        (6.0, TimePassed(), Status.TIMEOUT, "timeout", ""),
        (6.0, InitFailed(1, "E"), Status.TIMEOUT, "timeout", ""),
        (6.0, EXIT, Status.TIMEOUT, "timeout", ""),
    ],
)
def test_init_that_fails_within_its_invocation_is_reported_of_that_phase(
    at: float, end: Event, status: Status, error_type: str, told: str
) -> None:
    story: Story = [
        *BEGUN,
        (2.0, InitFailed(1, "first")),
        (3.0, SandboxReset(1)),
        (at, end),
        (9.0, USED),
    ]
    (made,) = record(*story)
    assert (made.status, made.error_type, made.duration) == (status, error_type, at - 3.0)
    assert [report for _, report in reports(*story)] == [
        InitReport(1, 2.0, 0.5, InitPhase.INIT, "first"),
        InitReport(1, at, at - 3.0, InitPhase.INVOKE, told),
    ]


def test_suppressed_init_that_fails_is_reported_of_the_invocation_that_it_was_in() -> None:
    story: Story = [
        *((1.0, asked("a")), (2.0, SandboxReady(1)), (3.0, EXIT), (4.0, SandboxReset(1))),
        *((5.0, asked("b")), (5.5, InitFailed(1, "E")), (6.0, SandboxReset(1))),
        *((7.0, asked("c")), (8.0, SandboxReady(1)), (8.5, EXIT)),
    ]
    _, b, c = record(*story)
    assert (b.status, b.start, b.anatomy, b.duration) == (
        Status.INIT_ERROR,
        StartKind.SUPPRESSED,
        None,
        0.5,
    )
    assert (c.status, c.start, c.duration) == (Status.EXITED, StartKind.SUPPRESSED, 1.5)
    assert reports(*story) == [(5.5, InitReport(1, 5.5, 0.5, InitPhase.INVOKE, "E"))]


def test_init_that_went_well_is_not_reported_when_its_sandbox_ends() -> None:
    story: Story = [
        *((1.0, asked("a")), (1.5, InitBegan(1)), (2.0, SandboxReady(1)), (3.0, EXIT)),
        *((4.0, SandboxReset(1)), (5.0, asked("b")), (6.0, SandboxReady(1))),
        *((7.0, InvocationFinished(1, "b")), (17.0, TimePassed()), (18.0, SandboxGone(1))),
    ]
    assert reports(*story, keep_alive=FixedKeepAlive(10.0)) == []


def test_provisioned_init_that_fails_is_reported_though_no_request_waited_for_it() -> None:
    story: Story = [
        *((1.0, ProvisionedSet(ECHO, 1)), (2.0, InitBegan(1)), (3.0, InitFailed(1, "E"))),
        (4.0, SandboxGone(1)),
    ]
    assert reports(*story) == [(3.0, InitReport(1, 3.0, 1.0, InitPhase.INIT, "E"))]
    assert record(*story) == []


def test_report_is_of_one_entry_alone() -> None:
    folder = RecordFold()
    for entry in journal([*BEGUN, (2.0, InitFailed(1, "E"))]):
        folder.feed(entry)
    assert len(folder.failed_inits) == 1
    folder.feed(Entry(2.5, TimePassed(), ()))
    assert folder.failed_inits == []
