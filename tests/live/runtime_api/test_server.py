"""The Runtime API's bytes, as the clients of Lambda's languages send and take them."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from emulator.live.runtime_api.error_report import MOST_ERROR_TYPE
from emulator.live.runtime_api.interface import Work
from tests.live.runtime_api.wire import (
    ACCEPTED,
    ARN,
    BOUND,
    ERROR,
    INIT_ERROR,
    LIMIT,
    NEXT,
    RESPONSE,
    WORK,
    chunked,
    sandbox,
)

pytestmark = pytest.mark.anyio


async def test_next_waits_for_work_and_gets_it_with_its_headers() -> None:
    async with sandbox() as here:
        client = await here.asking()
        here.endpoint.dispatch(WORK)
        status, headers, body = await client.whole_answer()
    assert here.listener.told == [("connected",), ("asked",)]
    assert (status, body) == (200, b'{"a":1}')
    assert headers == {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": "id-1",
        "Lambda-Runtime-Deadline-Ms": "1700000000000",
        "Lambda-Runtime-Invoked-Function-Arn": ARN,
        "Content-Length": "7",
    }


async def test_tenant_is_a_header() -> None:
    async with sandbox() as here:
        client = await here.asking()
        here.endpoint.dispatch(Work("id", 1, ARN, b"{}", tenant="blue @1"))
        _, headers, _ = await client.whole_answer()
    assert headers["Lambda-Runtime-Aws-Tenant-Id"] == "blue @1"


async def test_trace_and_client_context_are_headers_where_there_are_any() -> None:
    context = json.dumps({"custom": {"who": "é ☃"}}, ensure_ascii=False)
    async with sandbox() as here:
        client = await here.asking()
        here.endpoint.dispatch(Work("id", 1, ARN, b"{}", "Root=1-a-b", context))
        _, headers, _ = await client.whole_answer()
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1-a-b"
    assert headers["Lambda-Runtime-Client-Context"] == context


async def test_chunked_response_is_read_whole_and_its_trailers_end_it() -> None:
    """Go's client sends each response so."""
    head = RESPONSE + b"Transfer-Encoding: chunked\r\n"
    head += b"Trailer: Lambda-Runtime-Function-Error-Type\r\n\r\n"
    async with sandbox() as here:
        client = await here.at_work()
        client.send(head + chunked(b'{"an', b'swer":', b"1}"))
        assert await client.answer() == ACCEPTED
        assert here.listener.told == [("responded", "id-1", b'{"answer":1}')]
        client.send(NEXT)
        here.endpoint.dispatch(WORK)
        assert (await client.answer())[0] == 200, "what follows the trailers is a new request"


async def test_request_may_come_byte_by_byte() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        request = RESPONSE + b"Content-Length: 4\r\n\r\nnull"
        for position in range(len(request)):
            client.send(request[position : position + 1])
            await asyncio.sleep(0)
        assert await client.answer() == ACCEPTED
    assert here.listener.told == [("responded", "id-1", b"null")]


async def test_client_that_asks_first_is_told_to_go_on() -> None:
    """curl does for large bodies."""
    async with sandbox() as here:
        client = await here.at_work()
        client.send(RESPONSE + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert await client.answer() == (100, b"")
        client.send(b"null")
        assert await client.answer() == ACCEPTED


async def test_error_may_come_over_another_connection() -> None:
    """Java's client asks for work over one and reports errors over the other."""
    async with sandbox() as here:
        asking, reporting = await here.at_work(), await here.dial()
        reporting.send(
            ERROR,
            b"LAMBDA-runtime-FUNCTION-error-TYPE: Runtime.UserException\r\n",
            b"Content-Length: 2\r\n\r\n{}",
        )
        assert await reporting.answer() == ACCEPTED
        asking.send(NEXT)
        here.endpoint.dispatch(WORK)
        assert (await asking.answer())[0] == 200
    assert here.listener.told == [("errored", "id-1", "Runtime.UserException", b"{}")]


async def test_error_with_a_long_cause_is_taken() -> None:
    """Go's client allows itself a megabyte of it."""
    cause = b'{"exceptions":"%s"}' % (b"x" * 1_000_000)
    async with sandbox() as here:
        client = await here.at_work()
        client.send(
            ERROR,
            b"Lambda-Runtime-Function-XRay-Error-Cause: " + cause + b"\r\n",
            b"Content-Length: 2\r\n\r\n{}",
        )
        assert await client.answer() == ACCEPTED
    assert here.listener.told == [("errored", "id-1", "", b"{}")]


@pytest.mark.parametrize(
    "request_bytes",
    [
        RESPONSE + b"Connection: close\r\nContent-Length: 4\r\n\r\nnull",
        RESPONSE.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Content-Length: 4\r\n\r\nnull",
    ],
)
async def test_connection_ends_after_its_answer_where_the_client_wants_that(
    request_bytes: bytes,
) -> None:
    """A client that reads to the end would else wait for ever."""
    async with sandbox() as here:
        client = await here.at_work()
        client.send(request_bytes)
        assert await client.answer() == ACCEPTED
        assert await client.ended()


async def test_work_for_a_client_that_wants_its_connection_closed_is_not_lost() -> None:
    async with sandbox() as here:
        client = await here.asking(NEXT.replace(b"Host", b"Connection: close\r\nHost"))
        here.endpoint.dispatch(WORK)
        assert await client.answer() == (200, WORK.payload)
        assert await client.ended()


async def test_offer_of_another_protocol_is_passed_over() -> None:
    """Java's own HTTP client makes it with each request: custom runtimes use that."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"
    async with sandbox() as here:
        client = await here.asking(NEXT.replace(b"Host", offer + b"Host"))
        here.endpoint.dispatch(WORK)
        assert await client.answer() == (200, WORK.payload)
        client.send(RESPONSE + offer + b"Content-Length: 4\r\n\r\nnu", b"ll" + NEXT)
        assert await client.answer() == ACCEPTED
        here.endpoint.dispatch(WORK)
        assert await client.answer() == (200, WORK.payload)
        chunks = chunked(b"an error")
        client.send(ERROR + offer[:20], offer[20:] + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        assert await client.answer() == ACCEPTED
    assert here.listener.told == [
        ("connected",),
        ("asked",),
        ("responded", "id-1", b"null"),
        ("asked",),
        ("errored", "id-1", "", b"an error"),
    ]


async def test_failed_init_is_told_with_its_type() -> None:
    async with sandbox() as here:
        client = await here.dial()
        client.send(
            INIT_ERROR,
            b"Lambda-Runtime-Function-Error-Type: Runtime.HandlerNotFound\r\n",
            b"Content-Length: 2\r\n\r\n{}",
        )
        assert await client.answer() == ACCEPTED
    assert here.listener.told == [("connected",), ("init failed", "Runtime.HandlerNotFound", b"{}")]


async def test_response_for_another_request_is_refused() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(RESPONSE.replace(b"id-1", b"id-0") + b"Content-Length: 4\r\n\r\nnull")
        status, body = await client.answer()
    assert (status, json.loads(body)["errorType"]) == (400, "InvalidRequestID")
    assert here.listener.told == []


async def test_response_that_is_too_large_is_refused_and_fails_its_request() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(RESPONSE + b"Content-Length: %d\r\n\r\n" % (LIMIT + 1) + b"x" * (LIMIT + 1))
        status, body = await client.answer()
    assert (status, json.loads(body)["errorType"]) == (413, "RequestEntityTooLarge")
    [(what, request_id, error_type, _)] = here.listener.told
    assert (what, request_id, error_type) == (
        "errored",
        "id-1",
        "Function.ResponseSizeTooLarge",
    )


# calls out of turn


@pytest.mark.parametrize(
    ("out_of_turn", "before", "after"),
    [
        (NEXT, "Running", "Ready"),
        (INIT_ERROR + b"Content-Length: 2\r\n\r\n{}", "Running", "InitError"),
    ],
)
async def test_call_out_of_turn_is_refused_and_changes_nothing(
    out_of_turn: bytes, before: str, after: str
) -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(out_of_turn)
        status, body = await client.answer()
        assert (status, json.loads(body)) == (
            403,
            {
                "errorMessage": f"State transition from {before} to {after} failed for runtime. "
                "Error: State transition is not allowed",
                "errorType": "InvalidStateTransition",
            },
        )
        assert here.listener.told == []
        client.send(RESPONSE + b"Content-Length: 4\r\n\r\nnull")
        assert await client.answer() == ACCEPTED


async def test_whole_response_amid_one_in_pieces_is_refused() -> None:
    async with sandbox() as here:
        client, other = await here.at_work(), await here.dial()
        client.send(RESPONSE + b"Lambda-Runtime-Function-Response-Mode: streaming\r\n")
        client.send(b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        async with asyncio.timeout(BOUND):
            while not here.listener.told:  # noqa: ASYNC110  # nothing tells a test
                await asyncio.sleep(0)
        other.send(RESPONSE + b"Content-Length: 4\r\n\r\nnull")
        status, body = await other.answer()
        assert (status, json.loads(body)["errorType"]) == (403, "InvalidStateTransition")
        client.send(b"0\r\n\r\n")
        assert await client.answer() == ACCEPTED
    assert [told[0] for told in here.listener.told] == ["stream began", "streamed", "stream ended"]


async def test_second_answer_to_one_request_is_refused() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        request = RESPONSE + b"Content-Length: 4\r\n\r\nnull"
        client.send(request, request)
        assert await client.answer() == ACCEPTED
        status, body = await client.answer()
    assert (status, json.loads(body)["errorType"]) == (400, "InvalidRequestID")
    assert here.listener.told == [("responded", "id-1", b"null")]


# the type of an error


@pytest.mark.parametrize(
    ("body", "error_type"),
    [
        (b'{"errorType":"java.lang.Error"}', "java.lang.Error"),
        (b'{"errorMessage":"no type"}', ""),
        (b'{"errorType":["no","text"]}', ""),
        (b"[1]", ""),
        (b"null", ""),
        (b"{cut of", ""),
        (b"\xff", ""),
    ],
)
async def test_error_that_has_its_type_in_the_body_alone_has_that(
    body: bytes, error_type: str
) -> None:
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    async with sandbox() as here:
        failing = await here.dial()
        failing.send(INIT_ERROR + length + body)
        assert await failing.answer() == ACCEPTED
    async with sandbox() as there:
        client = await there.at_work()
        client.send(ERROR + length + body)
        assert await client.answer() == ACCEPTED
    assert here.listener.told == [("connected",), ("init failed", error_type, body)]
    assert there.listener.told == [("errored", "id-1", error_type, body)]


async def test_type_in_the_header_goes_before_that_in_the_body() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(ERROR + b"Lambda-Runtime-Function-Error-Type: Header\r\n")
        client.send(b"Content-Length: 20\r\n\r\n" + b'{"errorType":"Body"}')
        assert await client.answer() == ACCEPTED
    assert here.listener.told == [("errored", "id-1", "Header", b'{"errorType":"Body"}')]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Lambda-Runtime-Function-Error-Type: " + b"E" * 900_000 + b"\r\n", b"{}"),
        (b"", b'{"errorType":"%s"}' % (b"E" * (MOST_ERROR_TYPE + 100))),
    ],
)
async def test_type_of_an_error_is_cut_wherever_it_stands(head: bytes, body: bytes) -> None:
    cut = "E" * MOST_ERROR_TYPE
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    async with sandbox(limit=4096) as here:
        failing = await here.dial()
        failing.send(INIT_ERROR + head + length + body)
        assert await failing.answer() == ACCEPTED
        here.endpoint.reset()
        client = await here.at_work()
        client.send(ERROR + head + length + body)
        assert await client.answer() == ACCEPTED
        assert here.listener.told == [("errored", "id-1", cut, body)]


async def test_type_of_an_error_amid_a_stream_is_cut() -> None:
    trailers = b"Lambda-Runtime-Function-Error-Type: " + b"E" * 900_000 + b"\r\n"
    async with sandbox() as here:
        client = await here.at_work()
        client.send(RESPONSE + b"Lambda-Runtime-Function-Response-Mode: streaming\r\n")
        client.send(b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"x", trailers=trailers))
        assert await client.answer() == ACCEPTED
    what, _, error_type, body = here.listener.told[-1]
    assert what == "stream ended"
    assert error_type == "E" * MOST_ERROR_TYPE
    assert json.loads(body) == {"errorType": error_type}  # type: ignore[arg-type]


# a runtime that is killed, and another that is started


async def test_runtime_that_was_killed_is_cut_off_and_what_it_was_about_is_forgotten() -> None:
    async with sandbox() as here:
        killed = await here.at_work()
        here.endpoint.reset()
        assert await killed.ended()
        client = await here.dial()
        client.send(RESPONSE + b"Content-Length: 4\r\n\r\nnull")
        assert (await client.answer())[0] == 400
        again = await here.asking()
        here.endpoint.dispatch(Work("id-2", 1, ARN, b"2"))
        assert await again.answer() == (200, b"2")
    assert here.listener.told == [("connected",), ("asked",)]


async def test_work_that_was_not_delivered_is_not_the_next_runtimes() -> None:
    async with sandbox() as here:
        here.endpoint.dispatch(WORK)
        here.endpoint.reset()
        client = await here.asking()
        here.endpoint.dispatch(Work("id-2", 1, ARN, b"2"))
        assert await client.answer() == (200, b"2")


async def test_runtime_that_waited_when_it_was_killed_gets_nothing() -> None:
    async with sandbox() as here:
        killed = await here.asking()
        here.endpoint.reset()
        here.endpoint.dispatch(WORK)
        assert await killed.ended()
        client = await here.dial()
        client.send(NEXT)
        assert await client.answer() == (200, WORK.payload)


async def test_init_of_a_runtime_that_is_started_again_may_fail() -> None:
    async with sandbox() as here:
        await here.asking()
        here.endpoint.reset()
        client = await here.dial()
        client.send(INIT_ERROR + b"Content-Length: 2\r\n\r\n{}")
        assert await client.answer() == ACCEPTED
    told = [("connected",), ("asked",), ("connected",), ("init failed", "", b"{}")]
    assert here.listener.told == told


# the last words of a runtime that has ended


async def test_answer_of_a_runtime_that_dialled_and_ended_is_read() -> None:
    """The end of its process overtook the connection, which was not accepted yet."""
    async with sandbox() as here:
        (await here.at_work()).close()
        await here.endpoint.drained(BOUND)
        with socket.create_connection(("127.0.0.1", here.endpoint.port)) as last:
            last.sendall(RESPONSE + b"Content-Length: 4\r\n\r\nnull")
        await here.endpoint.drained(BOUND)
        assert here.listener.told == [("responded", "id-1", b"null")]


# requests of other APIs


async def test_request_of_another_api_is_handed_on_with_all_that_it_has() -> None:
    async with sandbox() as here:
        here.listener.answers_others = True
        client = await here.dial()
        head = b"POST /2020-01-01/extension/register HTTP/1.1\r\nHost: h\r\n"
        client.send(head + b"Lambda-Extension-NAME: agent\r\nContent-Length: 2\r\n\r\n{}")
        assert await client.answer() == (200, b"hi")
    headers = {b"host": b"h", b"lambda-extension-name": b"agent", b"content-length": b"2"}
    path = b"/2020-01-01/extension/register"
    assert here.listener.told == [("connected",), ("other", b"POST", path, headers, b"{}")]


@pytest.mark.parametrize(
    "start",
    [
        b"GET /nowhere",
        b"POST /2018-06-01/runtime/invocation/next",
        b"GET /2018-06-01/runtime/init/error",
        b"POST /2018-06-01/runtime/invocation/id-1/poem",
        b"POST /2018-06-01/runtime/invocation/id-1",
    ],
)
async def test_request_that_nobody_answers_is_not_found(start: bytes) -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(start + b" HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        status, body = await client.answer()
        assert (status, json.loads(body)["errorType"]) == (404, "NotFound")
        assert here.listener.told == []
        client.send(RESPONSE + b"Content-Length: 4\r\n\r\nnull")
        assert await client.answer() == ACCEPTED
