from __future__ import annotations

import pytest
from msgspec.structs import replace

from emulator.core.journal import Entry
from emulator.core.messages.commands import Throttle
from emulator.core.messages.events import (
    Event,
    InitBegan,
    InvocationAnswered,
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    TimePassed,
    VersionDeployed,
)
from emulator.core.messages.measurements import Anatomy
from emulator.core.model import FunctionVersion, StartKind, StopReason, ThrottleReason
from emulator.core.policy import Binding, FixedKeepAlive
from emulator.core.record_fold import RecordFold, fold
from emulator.core.records import (
    InitPhase,
    InvocationRecord,
    SandboxRecord,
    Status,
)
from tests.core.scheduler_host import ECHO
from tests.stories import ANATOMY, EXIT, MEMORY, USED, Story, asked, journal, record


def test_cold_start_has_its_anatomy_and_its_wait() -> None:
    story: Story = [
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
        timeout=3.0,
    )
    assert made.latency == 4.25
    assert made.duration == 0.25


def test_tenant_is_told_of_an_invocation_and_of_its_sandbox() -> None:
    function = FunctionVersion("shop", 128, 3.0, per_tenant=True)
    invocations, sandboxes = fold(
        journal(
            [
                (0.0, VersionDeployed(function)),
                (1.0, InvokeRequested("a", function.key, tenant="blue")),
                (2.0, SandboxReady(1)),
                (3.0, InvocationFinished(1, "a")),
            ]
        )
    )
    assert [each.tenant for each in (*invocations, *sandboxes)] == ["blue", "blue"]


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


def test_latency_ends_with_the_answer_and_duration_with_the_sandbox_being_free() -> None:
    (made,) = record(
        (1.0, asked("a")),
        (2.0, SandboxReady(1)),
        (2.5, InvocationAnswered(1, "a")),
        (2.625, InvocationFinished(1, "a")),
    )
    assert made.answered_at == 2.5
    assert (made.latency, made.duration) == (1.5, 0.625)


def test_answer_that_crossed_the_timeout_answers_nobody() -> None:
    (made,) = record(
        (1.0, asked("a")),
        (2.0, SandboxReady(1)),
        (5.0, InvocationAnswered(1, "a")),
        (5.5, USED),
    )
    assert (made.status, made.answered_at, made.latency) == (Status.TIMEOUT, None, 4.0)


def test_entry_may_end_one_invocation_by_its_deadline_and_another_by_its_event() -> None:
    failed, finished = record(
        *((1.0, asked("a")), (1.0, asked("b"))),
        (3.0, SandboxReady(1)),
        (5.5, InvocationFinished(1, "a")),
        start_timeout=4.0,
    )
    assert (failed.invocation, failed.status) == ("b", Status.START_FAILED)
    assert (finished.invocation, finished.status) == ("a", Status.OK)
    assert failed.finished_at == finished.finished_at == 5.5


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
        ((2.0, SandboxGone(1)), Status.START_FAILED, "sandbox could not be started"),
        ((2.0, SandboxGone(1, 1)), Status.EXITED, "runtime exited"),
        ((121.0, TimePassed()), Status.START_FAILED, "sandbox could not be started"),
    ],
)
def test_request_whose_sandbox_never_was_made_has_no_start_kind(
    end: tuple[float, Event], status: Status, error_type: str
) -> None:
    (made,) = record((1.0, asked("a")), end)
    assert (made.status, made.start, made.sandbox, made.duration) == (status, None, 1, 0.0)
    assert made.error_type == error_type
    assert made.finished_at == end[0]


# ends without an answer


def usage(made: InvocationRecord) -> tuple[int, float, int]:
    """Returns the usage, having checked that the memory is told with it and not without."""
    assert (made.memory is MEMORY) == bool(made.max_memory_mb)
    return made.max_memory_mb, made.throttled, made.throttled_periods


@pytest.mark.parametrize(
    ("end", "status", "error_type"),
    [
        (EXIT, Status.EXITED, "runtime exited"),
        (replace(EXIT, error_type="Extension.Crash"), Status.EXITED, "Extension.Crash"),
        (replace(EXIT, out_of_memory=True), Status.OUT_OF_MEMORY, "out of memory"),
    ],
)
def test_invocation_that_the_runtimes_end_failed_has_its_usage_and_its_error(
    end: RuntimeExited, status: Status, error_type: str
) -> None:
    (made,) = record((1.0, asked("a")), (2.0, SandboxReady(1)), (3.0, end))
    assert (made.status, made.start, made.error_type) == (status, StartKind.COLD, error_type)
    assert made.duration == 1.0
    assert usage(made) == (36, 0.5, 7)


@pytest.mark.parametrize(
    ("gone", "status"),
    [
        (SandboxGone(1, 1), Status.EXITED),
        (SandboxGone(1, 137, out_of_memory=True), Status.OUT_OF_MEMORY),
        (SandboxGone(1), Status.START_FAILED),
    ],
)
def test_invocation_whose_sandbox_ends_counts_from_its_dispatch_and_has_no_usage(
    gone: SandboxGone, status: Status
) -> None:
    (made,) = record((1.0, asked("a")), (2.0, SandboxReady(1)), (3.0, gone))
    assert (made.status, made.start, made.duration) == (status, StartKind.COLD, 1.0)
    assert usage(made) == (0, 0.0, 0)


def test_timeout_is_recorded_with_its_usage_when_its_sandbox_has_been_reset() -> None:
    story: Story = [(1.0, asked("a")), (2.0, SandboxReady(1)), (5.0, TimePassed())]
    assert record(*story) == []
    (made,) = record(*story, (5.5, USED))
    assert (made.status, made.error_type) == (Status.TIMEOUT, "timeout")
    assert (made.finished_at, made.duration) == (5.0, 3.0)
    assert usage(made) == (36, 0.5, 7)


def test_timeout_whose_sandbox_is_stopped_is_recorded_when_that_is_gone() -> None:
    (made,) = record(
        (1.0, asked("a")),
        (2.0, SandboxReady(1)),
        (5.0, TimePassed()),
        (6.0, SandboxGone(1)),
        keep_alive=FixedKeepAlive(0.0),
    )
    assert (made.status, made.finished_at, made.duration) == (Status.TIMEOUT, 5.0, 3.0)
    assert usage(made) == (0, 0.0, 0)


def test_timeout_that_was_noticed_late_is_as_long_as_the_timeout() -> None:
    (made,) = record(
        (1.0, asked("a")), (2.0, SandboxReady(1)), (5.25, TimePassed()), (5.5, SandboxReset(1))
    )
    assert (made.finished_at, made.latency, made.duration) == (5.25, 4.25, 3.0)


def test_response_that_comes_with_its_timeout_is_a_timeout() -> None:
    (made,) = record(
        (1.0, asked("a")),
        (2.0, SandboxReady(1)),
        (5.0, InvocationFinished(1, "a", "ValueError", 36)),
        (6.0, SandboxReset(1)),
    )
    assert (made.status, made.error_type, made.max_memory_mb) == (Status.TIMEOUT, "timeout", 0)


def test_runtime_that_ends_with_its_timeout_has_timed_out() -> None:
    end = replace(EXIT, error_type="Extension.Crash")
    (made,) = record((1.0, asked("a")), (2.0, SandboxReady(1)), (5.0, end), (6.0, SandboxReset(1)))
    assert (made.status, made.error_type) == (Status.TIMEOUT, "timeout")


def test_failure_does_not_take_the_error_or_the_usage_of_another_sandbox() -> None:
    made = record(
        (1.0, asked("a")),
        (1.0, asked("b")),
        (1.5, SandboxReady(2)),
        (2.0, replace(EXIT, sandbox=2, error_type="Extension.Crash")),
        start_timeout=1.0,
    )
    assert [(each.invocation, each.status, each.error_type, usage(each)) for each in made] == [
        ("a", Status.START_FAILED, "sandbox could not be started", (0, 0.0, 0)),
        ("b", Status.EXITED, "Extension.Crash", (36, 0.5, 7)),
    ]


# sandboxes, and what is wrong or late


def test_response_of_the_wrong_sandbox_ends_nothing() -> None:
    story: Story = [(1.0, asked("a")), (2.0, SandboxReady(1)), (2.5, InvocationFinished(9, "a"))]
    assert record(*story) == []
    (made,) = record(*story, (3.0, InvocationFinished(1, "a")))
    assert made.finished_at == 3.0


def test_record_keeps_the_memory_of_the_version_that_was_asked_for() -> None:
    story: Story = [
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
    story: Story = [
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
        SandboxRecord(
            *(1, "echo", 128, 1.0, 2.0, 15.5, 2, ANATOMY, StopReason.KEEP_ALIVE_ENDED),
            init_phase=InitPhase.INVOKE,
        )
    ]


@pytest.mark.parametrize("late", [11.0, 11.5])
def test_sandbox_whose_init_timed_out_was_never_ready(late: float) -> None:
    story: Story = [
        *((1.0, asked("a")), (1.0, InitBegan(1))),
        (late, SandboxReady(1, ANATOMY)),
    ]
    if late > 11:
        story.insert(2, (11.0, TimePassed()))
    _, sandboxes = fold(journal(story))
    assert sandboxes == [SandboxRecord(1, "echo", 128, 1.0, init_phase=InitPhase.INVOKE)]


def test_sandbox_that_was_not_made_in_time_was_never_ready() -> None:
    story: Story = [(1.0, asked("a")), (121.0, SandboxReady(1, ANATOMY)), (122.0, SandboxGone(1))]
    (sandbox,) = fold(journal(story))[1]
    assert (sandbox.ready_at, sandbox.anatomy, sandbox.gone_at) == (None, None, 122.0)
    assert sandbox.stop_reason is StopReason.START_TIMED_OUT


def test_sandbox_keeps_the_anatomy_of_its_first_init() -> None:
    story: Story = [
        *((1.0, asked("a")), (2.0, SandboxReady(1, ANATOMY)), (3.0, EXIT), (4.0, SandboxReset(1))),
        *((5.0, asked("b")), (6.0, SandboxReady(1)), (7.0, InvocationFinished(1, "b"))),
    ]
    (sandbox,) = fold(journal(story))[1]
    assert (sandbox.ready_at, sandbox.anatomy, sandbox.invocations) == (2.0, ANATOMY, 2)


def test_provisioned_sandbox_has_a_record_and_its_invocations_no_anatomy() -> None:
    story: Story = [
        *((1.0, ProvisionedSet(ECHO, 1)), (2.0, SandboxReady(1, ANATOMY))),
        *((3.0, asked("a")), (4.0, InvocationFinished(1, "a"))),
    ]
    (made,), (sandbox,) = fold(journal(story))
    assert (made.start, made.anatomy, made.queued, made.duration) == (
        StartKind.PROVISIONED,
        None,
        0.0,
        1.0,
    )
    assert (sandbox.started_at, sandbox.ready_at, sandbox.anatomy) == (1.0, 2.0, ANATOMY)
    assert (sandbox.function, sandbox.memory_mb, sandbox.invocations) == ("echo", 128, 1)
    assert sandbox.provisioned is True


def test_sandbox_started_for_a_request_is_not_recorded_as_provisioned() -> None:
    (sandbox,) = fold(journal([(1.0, asked("a"))]))[1]
    assert sandbox.provisioned is False


def test_fold_forgets_what_is_over() -> None:
    folder = RecordFold()
    assert folder.failed_inits == []
    for entry in journal(
        [(1.0, asked("a")), (2.0, SandboxReady(1)), (3.0, InvocationFinished(1, "a"))],
        keep_alive=FixedKeepAlive(0.0),
    ):
        folder.feed(entry)
    assert list(folder.sandboxes) == [1]
    folder.feed(Entry(4.0, SandboxGone(1), ()))
    assert folder.sandboxes == {}
    # were they remembered, they would end once more
    assert folder.feed(Entry(5.0, InvocationFinished(1, "a"), ())) == []
    assert folder.feed(Entry(5.0, SandboxReset(1), ())) == []


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
        (3.0, SandboxGone(1, 1)),
        binding=Binding.LATE,
    )
    assert (made.invocation, made.sandbox, made.status) == ("b", 1, Status.EXITED)


@pytest.mark.parametrize("late", [InitBegan(1), SandboxReady(1, ANATOMY)])
def test_event_about_a_sandbox_that_is_stopping_or_gone_changes_no_record(late: Event) -> None:
    story: Story = [
        *((1.0, asked("a")), (2.0, SandboxReady(1)), (3.0, InvocationFinished(1, "a"))),
        *((4.0, late), (5.0, SandboxGone(1)), (6.0, late)),
    ]
    (sandbox,) = fold(journal(story, keep_alive=FixedKeepAlive(0.0)))[1]
    assert (sandbox.ready_at, sandbox.anatomy, sandbox.init_began_at) == (2.0, Anatomy(), None)
    assert sandbox.gone_at == 5.0


def test_end_of_an_invocation_whose_request_is_not_in_the_journal_makes_no_record() -> None:
    throttled = Throttle("a", ThrottleReason.ACCOUNT_CONCURRENCY)
    assert RecordFold().feed(Entry(1.0, TimePassed(), (throttled,))) == []


def test_requests_that_have_not_ended_are_counted_by_function() -> None:
    story: Story = [
        (1.0, asked("a")),
        (1.0, asked("b")),
        (2.0, SandboxReady(1, ANATOMY)),
        (3.0, InvocationFinished(1, "a")),
        (4.0, SandboxGone(2)),
    ]
    folder, counts = RecordFold(), []
    for entry in journal(story):
        folder.feed(entry)
        counts.append(dict(folder.requests.running))
    assert counts[-5:] == [{"echo": 1}, {"echo": 2}, {"echo": 2}, {"echo": 1}, {}]


def test_a_throttled_request_is_never_counted_as_running() -> None:
    folder = RecordFold()
    for entry in journal([(1.0, asked("a")), (1.0, asked("b"))], account_concurrency=1):
        folder.feed(entry)
    assert folder.requests.running == {"echo": 1}
