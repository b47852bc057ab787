"""Lambda's official runtime clients, unchanged, through the engine and the Docker backend."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.model import Failure, StartKind
from emulator.core.records import Status
from emulator.live.sandbox.environment import function_arn
from tests.live.world import world

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.docker.backend import DockerBackend
    from tests.live.world import World
    from tests.runtimes.conftest import Runtime

pytestmark = [pytest.mark.anyio, pytest.mark.docker]

LARGE = 5 * 1024 * 1024


async def deployed(here: World, runtime: Runtime, **settings: Any) -> str:
    function = runtime.function(**settings)
    await here.engine.deploy(function, lambda _: None)
    return f"{function.name}:$LATEST"


def answer(payload: bytes) -> Any:
    told = json.loads(payload)
    assert "event" in told, told
    return told


async def test_first_request_starts_a_sandbox_and_the_next_ones_find_it_warm(
    runtime: Runtime, backend: DockerBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await deployed(here, runtime)
        first = await here.invoke(key, {"n": 0, "text": "é ☃ 𝄞"})
        warm = [await here.invoke(key, {"n": n}) for n in range(1, 20)]
        await here.frozen()
        thawed = await here.invoke(key, {"n": 20})
        records = here.records()
    assert answer(first.payload)["event"] == {"n": 0, "text": "é ☃ 𝄞"}
    assert [answer(one.payload)["event"]["n"] for one in [*warm, thawed]] == [*range(1, 21)]
    assert first.start is StartKind.COLD
    assert {one.start for one in [*warm, thawed]} == {StartKind.WARM}
    assert {one.sandbox for one in [first, *warm, thawed]} == {first.sandbox}
    assert {record.status for record in records} == {Status.OK}
    assert records[0].anatomy is not None
    assert records[0].anatomy.init > 0


async def test_handler_sees_its_request_and_its_function(
    runtime: Runtime, backend: DockerBackend, tmp_path: Path
) -> None:
    trace = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"
    async with world(backend, tmp_path) as here:
        key = await deployed(here, runtime, memory_mb=768, timeout=60)
        await here.invoke(key, {})
        outcome = await here.engine.invoke(
            key, b"{}", trace_id=trace, client_context='{"custom":{"who":"a tester"}}'
        )
    told = answer(outcome.payload)
    remaining_ms = told.pop("remaining_ms")
    name = key.split(":")[0]
    assert told == {
        "event": {},
        "request_id": outcome.request_id,
        "function": name,
        "version": "$LATEST",
        "memory_mb": 768,
        "arn": function_arn(name),
        "trace_id": trace,
        "custom": {"who": "a tester"},
    }
    assert 30_000 < remaining_ms <= 60_000


async def test_error_of_the_handler_reaches_the_caller_and_the_sandbox_lives_on(
    runtime: Runtime, backend: DockerBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await deployed(here, runtime)
        first = await here.invoke(key, {"do": "fail"})
        second = await here.invoke(key, {"do": "fail"})
        third = await here.invoke(key, {})
    for outcome in (first, second):
        body = json.loads(outcome.payload)
        assert (outcome.function_error, body["errorType"], body["errorMessage"]) == (
            "Unhandled",
            runtime.error_type,
            "no luck",
        )
    assert (third.function_error, third.start, third.sandbox) == ("", StartKind.WARM, first.sandbox)


async def test_missing_handler_is_told_in_the_words_of_its_client(
    runtime: Runtime, backend: DockerBackend, tmp_path: Path
) -> None:
    """Python's and Node's report it as an error of init, Java's as one of the first request."""
    if not runtime.missing:
        pytest.skip("its handler is linked into its program")
    async with world(backend, tmp_path) as here:
        key = await deployed(here, runtime, handler=runtime.missing)
        outcome = await here.invoke(key, {})
    in_init = runtime.language != "java"
    assert (outcome.failure is Failure.INIT_ERROR) is in_init
    assert outcome.function_error == "Unhandled"
    assert json.loads(outcome.payload)["errorType"] == runtime.missing_type


async def test_request_past_its_timeout_fails_and_a_later_one_is_served_afresh(
    runtime: Runtime, backend: DockerBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        # the later one's timeout covers the runtime's start as well
        key = await deployed(here, runtime, timeout=60, memory_mb=1769)
        first = await here.invoke(key, {})
        await here.idle()
        late = await here.timed_out(key, {"do": "sleep"}, 60)
        fresh = await here.invoke(key, {"n": 1})
    assert late.failure is Failure.TIMEOUT
    assert json.loads(late.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {late.request_id} Error: Task timed out after 60.00 seconds",
    }
    assert late.sandbox == first.sandbox
    assert answer(fresh.payload)["event"] == {"n": 1}


async def test_exit_of_the_runtime_is_told_with_its_status(
    runtime: Runtime, backend: DockerBackend, tmp_path: Path
) -> None:
    async with world(backend, tmp_path) as here:
        key = await deployed(here, runtime)
        left = await here.invoke(key, {"do": "exit"})
        fresh = await here.invoke(key, {"n": 1})
    assert left.failure is Failure.EXITED
    assert json.loads(left.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {left.request_id} Error: Runtime exited with error: "
        "exit status 3",
    }
    assert answer(fresh.payload)["event"] == {"n": 1}


async def test_large_payload_goes_and_comes_whole(
    runtime: Runtime, backend: DockerBackend, tmp_path: Path
) -> None:
    text = "0123456789abcdef" * (LARGE // 16)
    async with world(backend, tmp_path) as here:
        key = await deployed(here, runtime, memory_mb=1769, timeout=30)
        outcome = await here.invoke(key, {"text": text})
    assert answer(outcome.payload)["event"]["text"] == text
