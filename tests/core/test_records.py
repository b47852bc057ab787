from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.journal import Entry
from emulator.core.messages import (
    Anatomy,
    Event,
    InitFailed,
    InvocationFinished,
    InvokeRequested,
    SandboxGone,
    SandboxReady,
    TimePassed,
    VersionDeployed,
)
from emulator.core.model import FunctionVersion, StartKind, StopReason
from emulator.core.policy import Binding, FixedKeepAlive
from emulator.core.records import InvocationRecord, RecordFold, SandboxRecord, Status, fold
from tests.scheduler_host import ECHO, Host

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

ANATOMY = Anatomy(0.1, 0.2, 0.3, 0.4)


def record(*story: tuple[float, Event], **settings: Any) -> list[InvocationRecord]:
    return fold(journal(story, **settings))[0]


def journal(story: Iterable[tuple[float, Event]], **settings: Any) -> list[Entry]:
    host = Host(**settings)
    deployed = VersionDeployed(FunctionVersion("echo", 128, 3.0))
    return [
        Entry(at, event, tuple(host.tell(at, event))) for at, event in ((0.0, deployed), *story)
    ]


def asked(name: str) -> InvokeRequested:
    return InvokeRequested(name, ECHO)


def test_cold_start_has_its_anatomy_and_its_wait() -> None:
    story = [
        (1.0, asked("first")),
        (1.0, asked("a")),
        (3.0, SandboxReady(1)),
        (5.0, SandboxReady(2, ANATOMY)),
        (5.25, InvocationFinished(2, "a", max_memory_mb=36)),
    ]
    (made,) = record(*story, start_width=1)
    assert made == InvocationRecord(
        invocation="a",
        function="echo",
        version="$LATEST",
        memory_mb=128,
        requested_at=1.0,
        finished_at=5.25,
        status=Status.OK,
        start=StartKind.COLD,
        sandbox=2,
        dispatched_at=5.0,
        queued=2.0,
        anatomy=ANATOMY,
        max_memory_mb=36,
    )
    assert made.latency == 4.25
    assert made.duration == 0.25


def test_warm_start_has_no_anatomy() -> None:
    _, made = record(
        (1.0, asked("a")),
        (2.0, SandboxReady(1, ANATOMY)),
        (3.0, InvocationFinished(1, "a")),
        (4.0, asked("b")),
        (4.5, InvocationFinished(1, "b", "ValueError")),
    )
    assert (made.start, made.anatomy, made.sandbox) == (StartKind.WARM, None, 1)
    assert (made.status, made.error_type) == (Status.HANDLER_ERROR, "ValueError")
    assert made.latency == made.duration == 0.5


def test_throttled_request_reached_no_sandbox() -> None:
    (made,) = record((1.0, asked("a")), account_concurrency=0)
    assert (made.status, made.error_type) == (
        Status.THROTTLED,
        "ConcurrentInvocationLimitExceeded",
    )
    assert (made.start, made.sandbox, made.latency, made.duration) == (None, None, 0.0, 0.0)


@pytest.mark.parametrize(
    ("end", "status", "error_type"),
    [
        ((2.0, InitFailed(1, "Runtime.ImportModuleError")), Status.INIT_ERROR, None),
        ((11.0, TimePassed()), Status.INIT_TIMEOUT, "init timeout"),
        ((2.0, SandboxGone(1)), Status.START_FAILED, "sandbox could not be started"),
        ((2.0, SandboxGone(1, 1)), Status.EXITED, "runtime exited"),
    ],
)
def test_request_whose_sandbox_never_was_ready_has_no_start_kind(
    end: tuple[float, Event], status: Status, error_type: str | None
) -> None:
    (made,) = record((1.0, asked("a")), end)
    assert (made.status, made.start, made.sandbox, made.duration) == (status, None, 1, 0.0)
    assert made.error_type == (error_type or "Runtime.ImportModuleError")
    assert made.finished_at == end[0]


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ((5.0, TimePassed()), Status.TIMEOUT),
        ((3.0, SandboxGone(1, 1)), Status.EXITED),
        ((3.0, SandboxGone(1, 137, out_of_memory=True)), Status.OUT_OF_MEMORY),
    ],
)
def test_request_that_its_sandbox_did_not_answer_counts_from_its_dispatch(
    end: tuple[float, Event], status: Status
) -> None:
    (made,) = record((1.0, asked("a")), (2.0, SandboxReady(1)), end)
    assert (made.status, made.start) == (status, StartKind.COLD)
    assert made.duration == end[0] - 2.0


def test_response_that_comes_with_its_timeout_is_a_timeout() -> None:
    (made,) = record(
        (1.0, asked("a")), (2.0, SandboxReady(1)), (5.0, InvocationFinished(1, "a", "", 36))
    )
    assert (made.status, made.max_memory_mb) == (Status.TIMEOUT, 0)


def test_timeout_does_not_take_the_error_of_an_init_that_fails_with_it() -> None:
    made = record(
        (1.0, asked("a")),
        (2.0, SandboxReady(1)),
        (3.0, asked("b")),
        (5.0, InitFailed(2, "Runtime.ImportModuleError")),
    )
    assert [(each.invocation, each.status, each.error_type) for each in made] == [
        ("a", Status.TIMEOUT, "timeout"),
        ("b", Status.INIT_ERROR, "Runtime.ImportModuleError"),
    ]


def test_response_of_the_wrong_sandbox_ends_nothing() -> None:
    story = [(1.0, asked("a")), (2.0, SandboxReady(1)), (2.5, InvocationFinished(9, "a"))]
    assert record(*story) == []
    (made,) = record(*story, (3.0, InvocationFinished(1, "a")))
    assert made.finished_at == 3.0


def test_record_keeps_the_memory_of_the_version_that_was_asked_for() -> None:
    story = [
        (1.0, asked("a")),
        (1.0, asked("b")),
        (2.0, VersionDeployed(FunctionVersion("echo", 1024, 3.0, revision=1))),
        (3.0, SandboxReady(1)),
        (4.0, SandboxReady(2)),
        (5.0, InvocationFinished(2, "b")),
    ]
    invocations, sandboxes = fold(journal(story, start_width=1))
    assert [each.memory_mb for each in invocations] == [128]
    assert [each.memory_mb for each in sandboxes] == [128, 128]


def test_sandbox_record_spans_its_life() -> None:
    story = [
        (1.0, asked("a")),
        (2.0, SandboxReady(1, ANATOMY)),
        (3.0, InvocationFinished(1, "a")),
        (4.0, asked("b")),
        (5.0, InvocationFinished(1, "b")),
        (15.0, TimePassed()),
        (15.5, SandboxGone(1)),
    ]
    _, sandboxes = fold(journal(story, keep_alive=FixedKeepAlive(10.0)))
    assert sandboxes == [
        SandboxRecord(1, "echo", 128, 1.0, 2.0, 15.5, 2, ANATOMY, StopReason.KEEP_ALIVE_ENDED)
    ]


@pytest.mark.parametrize("late", [11.0, 11.5])
def test_sandbox_whose_init_timed_out_was_never_ready(late: float) -> None:
    story: list[tuple[float, Event]] = [(1.0, asked("a")), (late, SandboxReady(1, ANATOMY))]
    if late > 11:
        story.insert(1, (11.0, TimePassed()))
    _, sandboxes = fold(journal(story))
    assert sandboxes == [SandboxRecord(1, "echo", 128, 1.0, stop_reason=StopReason.INIT_TIMED_OUT)]


def test_fold_forgets_what_is_over() -> None:
    folder = RecordFold()
    for entry in journal(
        [(1.0, asked("a")), (2.0, SandboxReady(1)), (3.0, InvocationFinished(1, "a"))],
        keep_alive=FixedKeepAlive(0.0),
    ):
        folder.feed(entry)
    assert list(folder.sandboxes) == [1]
    folder.feed(Entry(4.0, SandboxGone(1), ()))
    assert folder.sandboxes == {}
    assert folder._open == {}


def test_late_bound_request_is_recorded_with_the_sandbox_that_served_it() -> None:
    first, second = record(
        (1.0, asked("a")),
        (1.0, asked("b")),
        (2.0, SandboxReady(2, ANATOMY)),
        (3.0, InvocationFinished(2, "a")),
        (4.0, InvocationFinished(2, "b")),
        binding=Binding.LATE,
    )
    assert (first.invocation, first.sandbox, first.start) == ("a", 2, StartKind.COLD)
    assert first.anatomy == ANATOMY
    assert (second.invocation, second.sandbox, second.start) == ("b", 2, StartKind.WARM)
    assert second.anatomy is None


def test_late_bound_request_that_fails_is_recorded_with_the_sandbox_that_failed_it() -> None:
    (made,) = record(
        (1.0, asked("a")),
        (1.0, asked("b")),
        (2.0, SandboxReady(2)),
        (3.0, InitFailed(1, "Runtime.ImportModuleError")),
        binding=Binding.LATE,
    )
    assert (made.invocation, made.sandbox, made.status) == ("b", 1, Status.INIT_ERROR)
