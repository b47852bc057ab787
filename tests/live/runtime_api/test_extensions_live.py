"""Extensions in real sandboxes, through the engine: their part in init, invocation and shutdown."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.model import Failure, SandboxState, StartKind
from emulator.core.records import Status
from tests.live.stage import stage

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.interface import SandboxBackend
    from emulator.live.invocation import Outcome
    from tests.live.stage import Actor, Stage

pytestmark = pytest.mark.anyio

ANSWERS = """
import json, time
import puppet

if WITNESSED:
    puppet.Puppet("runtime")

def run(event, context):
    print("handled", context.aws_request_id, flush=True)
    before, left_ms = time.time() * 1000, context.get_remaining_time_in_millis()
    return [before + left_ms, time.time() * 1000 + left_ms]
"""
WITNESSED = ANSWERS.replace("WITNESSED", "True")
QUIET = ANSWERS.replace("WITNESSED", "False")
OBEYS = """
import os, time

def run(event, context):
    if event == "hang":
        time.sleep(60)
    if isinstance(event, int):
        os._exit(event)
    return event
"""
INTERNAL = """
import signal, threading
import puppet

extension = puppet.Puppet("internal")
signal.signal(signal.SIGTERM, lambda *_: extension.say("SIGTERM"))
extension.follow_one()
threading.Thread(target=extension.follow, daemon=True).start()

def run(event, context):
    return event
"""
"""It registers while its module is loaded, and does not end on SIGTERM."""
A_MOMENT = 0.3
"""Seconds in which something would happen that must not."""
KEEP_ALIVE = 600
"""Seconds that a world's sandboxes stay."""
BOTH = ("INVOKE", "SHUTDOWN")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No telemetry is repeated or comes late because a sandbox stood still for a moment."""
    monkeypatch.setattr("emulator.live.runtime_api.delivery.ATTEMPT", 60.0)
    monkeypatch.setattr("emulator.live.sandbox.shutdown._LAST_TELEMETRY", 30.0)


@pytest.fixture
def real(backend: SandboxBackend) -> SandboxBackend:
    if backend.name == "scripted":
        pytest.skip("nothing runs in it")
    return backend


def invoke(here: Stage, event: object = None) -> asyncio.Task[Outcome]:
    return asyncio.create_task(here.here.invoke("f:$LATEST", event))


async def warmed(here: Stage, event: object = None) -> Actor:
    """The puppet of a sandbox that has answered once and is idle."""
    outcome = invoke(here, event)
    puppet = await here.puppet(*BOTH)
    assert (await puppet.event())["eventType"] == "INVOKE"
    puppet.ask()
    assert (await outcome).failure is None
    await here.here.idle()
    return puppet


def body_of(outcome: Outcome) -> tuple[str, str]:
    body = json.loads(outcome.payload)
    return body["errorType"], body["errorMessage"]


# init


async def test_runtime_starts_when_the_extension_has_registered(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with stage(real, tmp_path) as here:
        await here.deploy(WITNESSED, "puppet")
        outcome = invoke(here)
        puppet = await here.actor("puppet")
        with pytest.raises(TimeoutError):
            await here.actor("runtime", within=A_MOMENT)
        told = await puppet.register("puppet", *BOTH)
        await here.actor("runtime")
        puppet.ask()
        await puppet.event()
        puppet.ask()
        assert (await outcome).start is StartKind.COLD
    assert told == {"functionName": "f", "functionVersion": "$LATEST", "handler": "app.run"}


async def test_init_ends_when_the_extension_has_asked_too(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with stage(real, tmp_path) as here:
        await here.deploy(WITNESSED, "puppet")
        outcome = invoke(here)
        puppet = await here.actor("puppet")
        await puppet.register("puppet", *BOTH)
        await here.actor("runtime")
        await asyncio.wait({outcome}, timeout=A_MOMENT)
        [sandbox] = here.here.engine.sandboxes.values()
        assert sandbox.state is SandboxState.STARTING
        puppet.ask()
        event = await puppet.event()
        assert event["requestId"] == (await outcome).request_id
        puppet.ask()
        await here.here.idle()
        [record] = here.here.records()
    assert record.anatomy is not None
    assert record.anatomy.init >= A_MOMENT


async def test_extension_gets_each_invocation_with_its_deadline(
    real: SandboxBackend, tmp_path: Path
) -> None:
    events, outcomes = [], []
    async with stage(real, tmp_path) as here:
        await here.deploy(QUIET, "puppet")
        outcome = invoke(here)
        puppet = await here.puppet(*BOTH)
        for _ in range(3):
            events.append(await puppet.event())
            outcomes.append(await outcome)
            puppet.ask()
            await here.here.idle()
            outcome = invoke(here)
        await puppet.event()
        puppet.ask()
        await outcome
    assert [one.start for one in outcomes] == [StartKind.COLD, StartKind.WARM, StartKind.WARM]
    for event, answered in zip(events, outcomes, strict=True):
        assert event["eventType"] == "INVOKE"
        assert event["requestId"] == answered.request_id
        assert event["invokedFunctionArn"].endswith(":function:f")
        earliest, latest = json.loads(answered.payload)
        assert earliest - 50 < event["deadlineMs"] < latest + 50


async def test_extension_that_does_not_register_in_time_is_started_again(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with stage(real, tmp_path, init_timeout=30.0) as here:
        await here.deploy(QUIET, "puppet")
        outcome = invoke(here)
        late = await here.actor("puppet")
        here.here.clock.skip(30.0)
        await late.gone()
        again = await here.puppet(*BOTH)
        event = await again.event()
        again.ask()
        assert (await outcome).failure is None
        assert event["requestId"] == (await outcome).request_id
        log = await here.log("INIT_REPORT")
    assert any("Phase: init\tStatus: timeout" in line for line in log)


@pytest.mark.parametrize(("code", "words"), [(0, "exit code 0"), (3, "exit status 3")])
async def test_extension_that_ends_in_init_fails_the_invocation(
    real: SandboxBackend, tmp_path: Path, code: int, words: str
) -> None:
    async with stage(real, tmp_path) as here:
        await here.deploy(QUIET, "puppet")
        outcome = invoke(here)
        for _ in range(2):  # init, and once more within the invocation
            (await here.actor("puppet")).exit(code)
        failed = await outcome
        log = await here.log("REPORT RequestId")
        [record] = here.here.records()
        # a third time all goes well
        outcome = invoke(here)
        puppet = await here.puppet(*BOTH)
        await puppet.event()
        puppet.ask()
        assert (await outcome).failure is None
    assert body_of(failed) == ("Extension.Crash", f"RequestId: {failed.request_id} Error: {words}")
    assert (record.status, record.error_type) == (Status.EXITED, "Extension.Crash")
    inits = [line for line in log if line.startswith("INIT_REPORT")]
    phases = [re.findall(r"Phase: (\w+)\tStatus: error\tError Type: (.*)", line) for line in inits]
    assert phases == [[("init", "Extension.Crash")], [("invoke", "Extension.Crash")]]


# invocations


async def test_extension_that_holds_back_its_next_keeps_the_sandbox_busy(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with stage(real, tmp_path) as here:
        await here.deploy(QUIET, "puppet")
        first = await warmed(here)
        outcome = invoke(here)
        await first.event()
        answered = await outcome
        began = time.monotonic()
        sandboxes = here.here.engine.sandboxes
        assert answered.sandbox is not None
        assert sandboxes[answered.sandbox].state is SandboxState.BUSY
        meanwhile = await asyncio.gather(invoke(here), warmed_beside(here))
        held = time.monotonic() - began
        assert sandboxes[answered.sandbox].state is SandboxState.BUSY
        first.ask()
        await here.here.idle()
        log = await here.log(f"REPORT RequestId: {answered.request_id}")
        record = next(one for one in here.here.records() if one.invocation == answered.request_id)
    assert meanwhile[0].start is StartKind.COLD
    assert meanwhile[0].sandbox != answered.sandbox
    assert record.status is Status.OK
    assert record.duration >= held
    [report] = [line for line in log if f"REPORT RequestId: {answered.request_id}" in line]
    assert float(report.split("\tDuration: ")[1].split(" ms")[0]) >= held * 1000


async def warmed_beside(here: Stage) -> None:
    """Sees a second sandbox through its only invocation."""
    puppet = await here.puppet(*BOTH)
    await puppet.event()
    puppet.ask()


async def test_extension_that_never_asks_again_is_ended_by_the_timeout(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with stage(real, tmp_path) as here:
        await here.deploy(QUIET, "puppet", timeout=30)
        outcome = invoke(here)
        puppet = await here.puppet("INVOKE")
        await puppet.event()
        answered = await outcome
        here.here.clock.skip(30)
        await puppet.gone()
        await here.here.idle()
        [record] = here.here.records()
        again = await warmed_again(here)
    assert answered.function_error == ""
    assert (record.status, record.duration) == (Status.TIMEOUT, 30.0)
    assert (again.start, again.sandbox) == (StartKind.SUPPRESSED, answered.sandbox)


async def warmed_again(here: Stage) -> Outcome:
    """An invocation after a reset: the extension begins anew."""
    outcome = invoke(here)
    puppet = await here.puppet(*BOTH)
    assert (await puppet.event())["eventType"] == "INVOKE"
    puppet.ask()
    return await outcome


async def test_extension_that_ends_during_an_invocation_fails_it(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with stage(real, tmp_path) as here:
        await here.deploy(OBEYS, "puppet")
        puppet = await warmed(here)
        outcome = invoke(here, "hang")
        await puppet.event()
        puppet.exit(7)
        failed = await outcome
        log = await here.log(f"REPORT RequestId: {failed.request_id}")
        again = await warmed_again(here)
    assert failed.failure is Failure.EXITED
    assert body_of(failed) == (
        "Extension.Crash",
        f"RequestId: {failed.request_id} Error: exit status 7",
    )
    at = log.index(f"RequestId: {failed.request_id} Error: exit status 7")
    assert log[at + 1] == "Extension.Crash"
    assert log[-1].endswith("\tStatus: error\tError Type: Extension.Crash")
    assert (again.start, again.sandbox) == (StartKind.SUPPRESSED, failed.sandbox)


# shutdown


async def test_extension_is_told_of_the_end_of_keep_alive(
    real: SandboxBackend, tmp_path: Path
) -> None:
    took = []
    async with stage(real, tmp_path) as here:
        await here.deploy(QUIET, "puppet")
        for _ in range(3):  # a busy machine only takes longer
            puppet = await warmed(here)
            skipped_at = ended(here)
            event, told_at = await puppet.event(), time.time()
            puppet.exit(0)
            await here.here.gone()
            took.append(time.time() - told_at)
            assert (event["eventType"], event["shutdownReason"]) == ("SHUTDOWN", "spindown")
            assert skipped_at - 0.1 < event["deadlineMs"] / 1000 - 2.0 < told_at + 0.1
            if took[-1] < 1.5:
                break
    assert min(took) < 1.5, "nobody waits for what has ended"


def ended(here: Stage) -> float:
    """Ends the keep-alive of every sandbox; when, as `time.time` has it."""
    at = time.time()
    here.here.clock.skip(KEEP_ALIVE)
    return at


async def test_extension_that_does_not_end_is_killed_after_two_seconds(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with stage(real, tmp_path) as here:
        await here.deploy(QUIET, "puppet")
        puppet = await warmed(here)
        skipped_at = ended(here)
        assert (await puppet.event())["eventType"] == "SHUTDOWN"
        told_at = time.time()
        gone_at = await puppet.gone()
        await here.here.gone()
    assert gone_at - skipped_at > 1.8
    assert gone_at - told_at < 15


async def test_extension_that_did_not_register_for_the_shutdown_is_not_waited_for(
    real: SandboxBackend, tmp_path: Path
) -> None:
    took = []
    async with stage(real, tmp_path) as here:
        await here.deploy(QUIET, "puppet")
        for _ in range(3):  # a busy machine only takes longer
            outcome = invoke(here)
            puppet = await here.puppet("INVOKE")
            await puppet.event()
            await outcome
            puppet.ask()
            await here.here.idle()
            skipped_at = ended(here)
            took.append(await puppet.gone() - skipped_at)
            await here.here.gone()
            if took[-1] < 1.5:
                break
    assert min(took) < 1.5


@pytest.mark.parametrize(
    ("event", "reason", "failure"),
    [("hang", "timeout", Failure.TIMEOUT), (5, "failure", Failure.EXITED)],
)
async def test_extension_is_told_why_its_sandbox_is_reset(
    real: SandboxBackend, tmp_path: Path, event: object, reason: str, failure: Failure
) -> None:
    async with stage(real, tmp_path) as here:
        await here.deploy(OBEYS, "puppet", timeout=30)
        puppet = await warmed(here)
        outcome = invoke(here, event)
        assert (await puppet.event())["eventType"] == "INVOKE"
        puppet.ask()
        if failure is Failure.TIMEOUT:
            here.here.clock.skip(30)
        shutdown = await puppet.event()
        puppet.exit(0)
        failed = await outcome
        again = await warmed_again(here)
    assert (shutdown["eventType"], shutdown["shutdownReason"]) == ("SHUTDOWN", reason)
    assert failed.failure is failure
    assert (again.start, again.sandbox) == (StartKind.SUPPRESSED, failed.sandbox)


# internal extensions


async def test_internal_extension_gets_invocations_and_half_a_second_at_the_end(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with stage(real, tmp_path) as here:
        await here.deploy(INTERNAL, memory_mb=1769)
        for _ in range(3):  # a full host may leave it no time for its last words
            outcome = invoke(here, 1)
            thread = await here.actor("internal")
            await thread.register("internal", "INVOKE")
            await asyncio.wait({outcome}, timeout=A_MOMENT)
            [sandbox] = here.here.engine.sandboxes.values()
            assert sandbox.state is SandboxState.STARTING
            thread.ask()
            event = await thread.event()
            answered = await outcome
            assert (event["eventType"], event["requestId"]) == ("INVOKE", answered.request_id)
            thread.ask()
            await here.here.idle()
            skipped_at = ended(here)
            said = await thread.rest()
            assert 0.4 < time.time() - skipped_at < 15
            await here.here.gone()
            if said:
                break
        log = await here.log("REPORT RequestId")
    assert said == ["SIGTERM"]
    assert "EXTENSION\tName: internal\tState: Ready\tEvents: [INVOKE]" in log


# telemetry


async def told_until(recorder: Actor, kind: str) -> list[dict[str, Any]]:
    """What the recorder writes, to the first event of this type."""
    told: list[dict[str, Any]] = []
    while not told or told[-1]["type"] != kind:
        line = await recorder.line()
        if line["kind"] == "telemetry":
            told.append(line["body"])
        elif line["kind"] == "event" and line["body"]["eventType"] == kind:
            break
    return told


async def test_subscriber_is_told_of_every_invocation_across_freezes(
    real: SandboxBackend, tmp_path: Path
) -> None:
    outcomes = []
    async with stage(real, tmp_path) as here:
        await here.deploy(QUIET, "recorder")
        for _ in range(3):
            outcomes.append(await here.here.invoke("f:$LATEST"))
            await here.here.frozen()
        ended(here)
        recorder = await here.actor("recorder")
        told = await told_until(recorder, "SHUTDOWN")
        await recorder.gone()
        log = await here.log("EXTENSION")
    ids = [outcome.request_id for outcome in outcomes]
    assert [one.start for one in outcomes] == [StartKind.COLD, StartKind.WARM, StartKind.WARM]
    of_inits = ["platform.initStart", "platform.telemetrySubscription", "platform.extension"]
    of_inits += ["platform.initRuntimeDone", "platform.initReport"]
    assert sorted(one["type"] for one in told[:5]) == sorted(of_inits)
    each = ["platform.start", "function", "platform.runtimeDone", "platform.report"]
    assert [one["type"] for one in told[5:]] == each * 3
    for kind in ("platform.start", "platform.runtimeDone", "platform.report"):
        assert [one["record"]["requestId"] for one in told if one["type"] == kind] == ids
    lines = [one["record"] for one in told if one["type"] == "function"]
    assert lines == [f"handled {one}\n" for one in ids]
    for report in (one["record"] for one in told if one["type"] == "platform.report"):
        assert report["status"] == "success"
        assert report["metrics"]["memorySizeMB"] == 512
    assert "EXTENSION\tName: recorder\tState: Ready\tEvents: [INVOKE,SHUTDOWN]" in log
    subscribed = "TELEMETRY\tName: recorder\tState: Subscribed\tTypes: [Platform, Function]"
    assert subscribed in log


async def test_extension_that_waits_for_the_end_of_the_runtime_is_told_of_that_in_time(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with stage(real, tmp_path) as here:
        await here.deploy(QUIET, "recorder", environment={"RECORDER_WAITS": "1"})
        outcomes = []
        for _ in range(2):
            outcomes.append(await here.here.invoke("f:$LATEST"))
            await here.here.frozen()
        ended(here)  # what a freeze has held back comes now
        recorder = await here.actor("recorder")
        told = [one for _ in outcomes for one in await told_until(recorder, "platform.report")]
    each = ["platform.start", "function", "platform.runtimeDone", "platform.report"]
    assert [one["type"] for one in told[5:]] == each * 2
    assert [one.sandbox for one in outcomes] == [1, 1]
    done = [one["record"] for one in told if one["type"] == "platform.runtimeDone"]
    whole = [one["record"] for one in told if one["type"] == "platform.report"]
    for runtime, report in zip(done, whole, strict=True):
        assert runtime["status"] == "success"
        assert 0 < runtime["metrics"]["durationMs"] < report["metrics"]["durationMs"]
