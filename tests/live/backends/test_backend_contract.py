"""What every backend does alike, through the engine: fake, process and Docker."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING

import pytest

from emulator.core.model import Failure, StartKind
from emulator.core.records import Status
from emulator.live.backends.limitations import Limitation
from tests.live.world import lacks, world

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.interface import SandboxBackend
    from emulator.live.invocation import Outcome

pytestmark = pytest.mark.anyio


def assert_was_reset(failed: Outcome, again: Outcome) -> None:
    assert failed.start is StartKind.COLD
    assert again.start is StartKind.SUPPRESSED
    assert again.sandbox == failed.sandbox


async def test_first_request_starts_a_sandbox_and_the_next_one_finds_it_warm(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("echo")
        first, second = await here.invoke(key, {"a": 1}), await here.invoke(key, [2])
    assert json.loads(first.payload) == {"a": 1}
    assert json.loads(second.payload) == [2]
    assert (first.start, second.start) == (StartKind.COLD, StartKind.WARM)
    assert first.sandbox == second.sandbox


async def test_handler_sees_its_function_and_its_request(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("context")
        outcome = await here.invoke(key)
    assert json.loads(outcome.payload) == [key.split(":")[0], outcome.request_id, "256"]


async def test_ten_concurrent_requests_have_ten_sandboxes_and_then_run_side_by_side(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    # ten starts may take a slow machine longer than a request waits for a start to begin
    async with world(backend, tmp_path, queue_patience=math.inf) as here:
        key = await here.deploy("pause", memory_mb=1769)
        cold = await asyncio.gather(*(here.invoke(key) for _ in range(10)))
        warm = await asyncio.gather(*(here.invoke(key) for _ in range(10)))
    assert len({outcome.sandbox for outcome in cold}) == 10
    assert len({outcome.payload for outcome in cold}) == 10
    assert {outcome.start for outcome in warm} == {StartKind.WARM}
    assert {outcome.sandbox for outcome in warm} == {outcome.sandbox for outcome in cold}


async def test_an_exception_of_the_handler_reaches_the_caller_and_the_sandbox_lives_on(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("fail")
        first, second = await here.invoke(key), await here.invoke(key)
    body = json.loads(first.payload)
    assert (first.function_error, body["errorType"], body["errorMessage"]) == (
        "Unhandled",
        "ValueError",
        "no luck",
    )
    assert second.start is StartKind.WARM
    assert second.sandbox == first.sandbox


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "Runtime exited without providing a reason"), (3, "exit status 3")],
)
async def test_exit_of_the_runtime_fails_the_request_and_resets_the_sandbox(
    backend: SandboxBackend, tmp_path: Path, code: int, words: str
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("leave")
        outcome = await here.invoke(key, code)
        again = await here.invoke(key, code)
    assert_was_reset(outcome, again)
    body = json.loads(outcome.payload)
    assert outcome.failure is Failure.EXITED
    assert body["errorType"] == "Runtime.ExitError"
    assert body["errorMessage"].startswith(f"RequestId: {outcome.request_id} Error: ")
    assert words in body["errorMessage"]


async def test_timeout_fails_the_request_and_resets_the_sandbox(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("hang", timeout=30)
        outcome, again = await here.timed_out(key), await here.timed_out(key)
        record = here.records()[0]
    assert_was_reset(outcome, again)
    assert outcome.failure is Failure.TIMEOUT
    message = f"RequestId: {outcome.request_id} Error: Task timed out after 30.00 seconds"
    assert json.loads(outcome.payload) == {"errorType": "Sandbox.Timedout", "errorMessage": message}
    assert record.status is Status.TIMEOUT
    assert record.duration >= 30.0


async def test_too_much_memory_is_told_from_an_exit(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    if lacks(backend, Limitation.MEMORY_UNLIMITED):
        pytest.skip("no memory limit can be enforced here, and the backend says so")
    async with world(backend, tmp_path) as here:
        key = await here.deploy("eat", memory_mb=128, timeout=100)  # a slow page fault takes 1 ms
        outcome, again = await here.invoke(key), await here.invoke(key)
    assert_was_reset(outcome, again)
    assert again.failure is Failure.OUT_OF_MEMORY
    assert outcome.failure is Failure.OUT_OF_MEMORY
    assert "signal: killed" in json.loads(outcome.payload)["errorMessage"]


async def test_init_error_reaches_the_caller_and_resets_the_sandbox(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("echo", code="import no_such_module\n")
        outcome, again = await here.invoke(key), await here.invoke(key)
    assert_was_reset(outcome, again)
    assert outcome.failure is again.failure is Failure.INIT_ERROR
    assert json.loads(outcome.payload)["errorType"] == "Runtime.ImportModuleError"


async def test_what_the_function_prints_is_in_its_log(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("say")
        await here.invoke(key, 7)
        name = key.split(":")[0]
        await here.logged(name, "said 7")


async def test_share_of_cpu_follows_memory(backend: SandboxBackend, tmp_path: Path) -> None:
    if lacks(backend, Limitation.CPU_UNLIMITED):
        pytest.skip("no share of CPU can be enforced here, and the backend says so")
    async with world(backend, tmp_path) as here:
        keys = [await here.deploy("spin", memory_mb=mb, timeout=100) for mb in (256, 1769)]
        for key in keys:
            await here.invoke(key, 0.01)
        for _ in range(3):
            quarter, whole = [json.loads((await here.invoke(key, 1.0)).payload) for key in keys]
            share = quarter / (256 / 1769)
            assert share < 1.15, "never more: a tick of 10 ms beyond the quota is a tenth"
            # a host that is busy, or stands still, gives less than the share
            if share > 0.4 and whole > 1.3 * quarter:
                break
    assert share > 0.4
    assert whole > 1.3 * quarter


async def test_idle_sandbox_is_stopped_when_keep_alive_ends(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path, keep_alive=0.2) as here:
        key = await here.deploy("echo")
        first = await here.invoke(key)
        await here.gone()
        second = await here.invoke(key)
    assert second.start is StartKind.COLD
    assert second.sandbox != first.sandbox


async def test_frozen_sandbox_answers_again(backend: SandboxBackend, tmp_path: Path) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("echo")
        await here.invoke(key)
        await here.frozen()
        outcome = await here.invoke(key, 5)
    assert (outcome.payload, outcome.start) == (b"5", StartKind.WARM)


async def test_caller_who_leaves_does_not_stop_the_invocation(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("pause")
        await here.invoke(key)
        await here.idle()
        caller = here.engine.invoke(key, b"null")
        caller.cancel()
        outcome = await here.invoke(key)
        assert len(here.engine.sandboxes) == 2, "the first one was busy with what was left"
        records = here.records()
    assert [record.status for record in records] == [Status.OK] * len(records)
    assert outcome.start is StartKind.COLD


async def test_every_sandbox_is_gone_after_close(backend: SandboxBackend, tmp_path: Path) -> None:
    async with world(backend, tmp_path) as here:
        key = await here.deploy("echo")
        await asyncio.gather(*(here.invoke(key) for _ in range(3)))
    assert await backend.survivors() == []  # type: ignore[attr-defined]  # for this test
