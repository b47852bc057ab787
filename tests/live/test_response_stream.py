"""Responses in pieces, from a runtime's connection to whoever takes them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.model import Failure, StartKind
from emulator.core.profile import StreamPace
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.live.invocation import Outcome
from emulator.live.response_stream import ResponseStream, StreamError
from tests.live.jumping_loop import run
from tests.live.streaming_runtime import StreamingBackend
from tests.live.world import world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live.world import World

pytestmark = pytest.mark.anyio
MB = 1 << 20
LIMIT = 100 * MB
SO_FAR = Outcome("id")
BOUND = 30.0


async def read(stream: ResponseStream) -> bytes:
    async with asyncio.timeout(BOUND):
        return b"".join([piece async for piece in stream.pieces()])


def begun(limit: int = LIMIT) -> tuple[ResponseStream, list[bool]]:
    held: list[bool] = []
    stream = ResponseStream(limit)
    stream.begin("text/plain", held.append, SO_FAR)
    return stream, held


# the stream alone


async def test_pieces_come_in_their_order_and_end_without_an_error() -> None:
    stream, _ = begun()
    for piece in (b"a", b"b"):
        stream.feed(piece)
    stream.end()
    assert [piece async for piece in stream.pieces()] == [b"a", b"b"]
    assert stream.error is None
    assert stream.began.result() is SO_FAR


async def test_reader_waits_for_what_is_not_there_yet() -> None:
    stream, _ = begun()
    reading = asyncio.create_task(read(stream))
    await asyncio.sleep(0)
    stream.feed(b"late")
    await asyncio.sleep(0)
    assert not reading.done()
    stream.end()
    assert await reading == b"late"


async def test_error_is_there_when_the_pieces_have_ended() -> None:
    stream, _ = begun()
    stream.feed(b"a")
    stream.end(StreamError("Unhandled", b"{}"))
    stream.end()
    assert await read(stream) == b"a"
    assert stream.error == StreamError("Unhandled", b"{}")


async def test_runtime_waits_while_too_much_waits_for_the_caller() -> None:
    stream, held = begun()
    stream.feed(bytes(MB))
    assert held == []
    stream.feed(b"x")
    assert held == [True]
    pieces = stream.pieces()
    assert len(await anext(pieces)) == MB
    assert held == [True, False]


async def test_response_above_the_limit_ends_there_and_lets_the_runtime_go() -> None:
    stream, held = begun(limit=5)
    stream.feed(b"1234")
    stream.feed(b"5678")
    stream.feed(b"9")
    assert await read(stream) == b"12345"
    assert stream.error is not None
    assert json.loads(stream.error.body)["errorType"] == "Function.ResponseSizeTooLarge"
    assert held[-1] is False


async def test_response_of_just_the_limit_is_whole() -> None:
    stream, _ = begun(limit=5)
    stream.feed(b"12345")
    stream.end()
    assert await read(stream) == b"12345"
    assert stream.error is None


@pytest.mark.parametrize(("dilation", "seconds"), [(1.0, 2.0), (3.0, 6.0)])
def test_what_follows_the_unthrottled_part_comes_at_the_pace(
    dilation: float, seconds: float
) -> None:
    async def story() -> None:
        stream = ResponseStream(LIMIT, StreamPace(4, 8.0), dilation)
        stream.begin("text/plain", lambda _: None, SO_FAR)
        for piece in (b"12", b"3456789", b"0123456789a"):
            stream.feed(piece)
        stream.end()
        assert await read(stream) == b"1234567890123456789a"
        assert asyncio.get_running_loop().time() == seconds

    run(story())


async def test_abandoned_stream_keeps_nothing_and_holds_nobody() -> None:
    stream, held = begun()
    stream.feed(bytes(2 * MB))
    stream.abandon()
    stream.feed(bytes(3 * MB))
    assert held == [True, False]
    assert await read(stream) == b""


async def test_stream_abandoned_before_it_began_holds_nobody() -> None:
    stream, held = ResponseStream(LIMIT), list[bool]()
    stream.abandon()
    stream.begin("text/plain", held.append, SO_FAR)
    stream.feed(bytes(3 * MB))
    assert held == []
    assert not stream.began.done()


# with a runtime, its connection and the engine


class Asked:
    def __init__(
        self, here: World, key: str, script: dict[str, Any], *, tail: bool = False
    ) -> None:
        self.stream = ResponseStream(LIMIT)
        payload = json.dumps(script).encode()
        self._outcome = here.engine.invoke(key, payload, stream=self.stream, tail=tail)

    async def read(self) -> bytes:
        return await read(self.stream)

    async def outcome(self) -> Outcome:
        async with asyncio.timeout(BOUND):
            return await self._outcome

    @property
    def error(self) -> Any:
        assert self.stream.error is not None
        assert self.stream.error.error_type == "Unhandled"
        return json.loads(self.stream.error.body)


async def test_piece_comes_while_the_function_still_runs(tmp_path: Path) -> None:
    backend = StreamingBackend()
    async with world(backend, tmp_path) as here:
        key = await here.deploy("stream")
        asked = Asked(here, key, {"pieces": ["a"], "then": "wait", "type": "text/event-stream"})
        pieces = asked.stream.pieces()
        assert await anext(pieces) == b"a"
        so_far = asked.stream.began.result()
        assert (so_far.start, so_far.version) == (StartKind.COLD, "$LATEST")
        assert asked.stream.content_type == "text/event-stream"
        assert not asked._outcome.done()
        backend.gate.set()
        assert [piece async for piece in pieces] == [b"after the gate"]
        assert await asked.outcome() == so_far
        await again(here)
    assert here.records()[0].error_type == ""


async def test_error_midway_comes_out_of_the_trailers(tmp_path: Path) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        asked = Asked(here, await here.deploy("stream"), {"pieces": ["a"], "then": "fail"})
        assert await asked.read() == b"a"
        assert asked.error == {"errorType": "App.Late", "errorMessage": "no luck"}
        assert (await asked.outcome()).function_error == "Unhandled"
        await again(here)
    assert here.records()[0].error_type == "App.Late"


async def test_broken_connection_is_a_truncated_response(tmp_path: Path) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        asked = Asked(here, await here.deploy("stream"), {"pieces": ["a"], "then": "break"})
        assert await asked.read() == b"a"
        assert asked.error == {"errorType": "Runtime.TruncatedResponse"}
        await again(here)


async def test_error_reported_on_another_connection_ends_the_stream(tmp_path: Path) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        asked = Asked(here, await here.deploy("stream"), {"pieces": ["a"], "then": "report"})
        assert await asked.read() == b"a"
        assert asked.error == {"errorType": "App.Told"}
        await again(here)


async def test_runtime_that_exits_midway_ends_the_stream(tmp_path: Path) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        asked = Asked(here, await here.deploy("stream"), {"pieces": ["a"], "then": "exit"})
        assert await asked.read() == b"a"
        assert asked.error["errorType"] in ("Runtime.TruncatedResponse", "Runtime.ExitError")


async def test_timeout_midway_ends_the_stream_in_awss_words(tmp_path: Path) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        key = await here.deploy("stream", timeout=30)
        asked = Asked(here, key, {"pieces": ["a"], "then": "hang"})
        pieces = asked.stream.pieces()
        assert await anext(pieces) == b"a"
        here.clock.skip(30)
        assert [piece async for piece in pieces] == []
        assert asked.error["errorType"] == "Sandbox.Timedout"
        assert (await asked.outcome()).failure is Failure.TIMEOUT


async def test_next_that_overtakes_the_end_of_a_stream_is_no_call_out_of_turn(
    tmp_path: Path,
) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        key = await here.deploy("stream")
        asked = Asked(here, key, {"megabytes": 8, "then": "hurry"})
        assert len(await asked.read()) == 8 * MB
        assert (await asked.outcome()).function_error == ""
        await again(here)


async def test_runtime_is_held_up_by_a_caller_who_does_not_read(tmp_path: Path) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        stream = Watched(LIMIT)
        payload = json.dumps({"megabytes": 16}).encode()
        outcome = here.engine.invoke(await here.deploy("stream"), payload, stream=stream)
        async with asyncio.timeout(BOUND):
            await stream.held.wait()
        for _ in range(50):
            await asyncio.sleep(0)
        assert stream._waiting < 2 * MB
        assert not outcome.done()
        assert len(await read(stream)) == 16 * MB
        assert (await outcome).function_error == ""


class Watched(ResponseStream):
    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.held = asyncio.Event()

    def begin(self, content_type: str, hold: Callable[[bool], None], so_far: Outcome) -> None:
        def watch(held: bool) -> None:
            if held:
                self.held.set()
            hold(held)

        super().begin(content_type, watch, so_far)


async def test_function_runs_on_when_its_caller_has_gone(tmp_path: Path) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        asked = Asked(here, await here.deploy("stream"), {"megabytes": 16})
        async with asyncio.timeout(BOUND):
            await asked.stream.began
        asked.stream.abandon()
        assert (await asked.outcome()).function_error == ""
        await again(here)


async def test_answer_in_one_piece_is_the_outcomes(tmp_path: Path) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        asked = Asked(here, await here.deploy("echo"), {"a": 1})
        assert json.loads((await asked.outcome()).payload) == {"a": 1}
        assert await asked.read() == b""
        assert not asked.stream.began.done()


async def test_caller_who_does_not_stream_gets_the_pieces_as_one(tmp_path: Path) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        outcome = await here.invoke(await here.deploy("stream"), {"pieces": ["[1,", "2]"]})
        assert (outcome.payload, outcome.function_error) == (b"[1,2]", "")


async def test_caller_who_does_not_stream_gets_an_error_midway_alone(tmp_path: Path) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        key = await here.deploy("stream")
        outcome = await here.invoke(key, {"pieces": ["[1,"], "then": "fail"})
        assert json.loads(outcome.payload)["errorType"] == "App.Late"
        assert outcome.function_error == "Unhandled"


async def test_caller_who_does_not_stream_has_the_limit_of_one_piece(tmp_path: Path) -> None:
    profile = replace(AWS_2025, response_limit=5)
    async with world(StreamingBackend(), tmp_path, profile=profile) as here:
        key = await here.deploy("stream")
        assert (await here.invoke(key, {"pieces": ["123", "45"]})).payload == b"12345"
        outcome = await here.invoke(key, {"pieces": ["123", "456"]})
        assert json.loads(outcome.payload)["errorType"] == "Function.ResponseSizeTooLarge"
        assert outcome.function_error == "Unhandled"


async def test_log_comes_with_the_outcome_of_a_stream(tmp_path: Path) -> None:
    async with world(StreamingBackend(), tmp_path) as here:
        asked = Asked(here, await here.deploy("stream"), {"pieces": ["a"]}, tail=True)
        assert await asked.read() == b"a"
        outcome = await asked.outcome()
        log = outcome.log_tail.decode()
        assert log.startswith(f"START RequestId: {outcome.request_id}")
        assert f"REPORT RequestId: {outcome.request_id}" in log


async def again(here: World) -> None:
    """The same sandbox serves the next request."""
    (key,) = here.engine.functions
    asked = Asked(here, key, {"pieces": ["again"]})
    assert await asked.read() == b"again"
    assert (await asked.outcome()).start is StartKind.WARM
