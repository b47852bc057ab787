"""What a connection bounds, refuses and passes over, before a request means anything."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import tracemalloc
from typing import Any

import pytest

from emulator.live.runtime_api.connection import MOST_HEAD_BYTES, MOST_HEADERS
from emulator.live.runtime_api.endpoint import MOST_CONNECTIONS
from tests.live.runtime_api.wire import (
    ACCEPTED,
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

OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"
NULL = b"Content-Length: 4\r\n\r\nnull"


def error_type(body: bytes) -> str:
    return str(json.loads(body)["errorType"])


# bounds of a head


async def test_head_of_many_megabytes_is_refused_and_does_not_grow_the_emulator() -> None:
    mebibyte = bytes(b"x" * (1 << 20))
    async with sandbox() as here:
        client = await here.at_work()
        tracemalloc.start()
        try:
            client.send(ERROR + b"Lambda-Runtime-Function-XRay-Error-Cause: ")
            for _ in range(32):
                client.send(mebibyte)
            status, body = await client.answer()
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (status, error_type(body)) == (431, "RequestHeaderFieldsTooLarge")
        assert await client.ended()
    # what the client itself has not yet sent is in this process too
    assert taken < 34 << 20
    assert here.listener.told == []


async def test_head_that_ends_within_the_bound_is_taken() -> None:
    head = ERROR + b"Lambda-Runtime-Function-XRay-Error-Cause: "
    async with sandbox() as here:
        client = await here.at_work()
        client.send(head + b"x" * (MOST_HEAD_BYTES - len(head) - 40) + b"\r\n" + NULL)
        assert await client.answer() == ACCEPTED


async def test_too_many_headers_are_refused() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(RESPONSE + b"A: b\r\n" * MOST_HEADERS + NULL)
        status, body = await client.answer()
        assert (status, error_type(body)) == (431, "RequestHeaderFieldsTooLarge")
        assert await client.ended()
    assert here.listener.told == []


@pytest.mark.parametrize("trailer", [b"X-Long: " + b"x" * (2 << 20), b"A: b\r\n" * 300])
async def test_trailers_are_bounded_as_a_head_is(trailer: bytes) -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(RESPONSE + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n0\r\n" + trailer)
        status, _ = await client.answer()
        assert status == 431
        assert await client.ended()
    assert here.listener.told == []


async def test_long_body_does_not_count_as_a_head() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(RESPONSE + b"Lambda-Runtime-Function-Response-Mode: streaming\r\n")
        client.send(b"Transfer-Encoding: chunked\r\n\r\n")
        client.send(chunked(*[b"x" * 65536] * 64))
        assert await client.answer() == ACCEPTED
    assert sum(len(told[2]) for told in here.listener.told if told[0] == "streamed") == 64 << 16  # type: ignore[arg-type]


async def test_bytes_that_are_no_request_are_refused() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(b"\x16\x03\x01\x00\xa5 a TLS hello\r\n\r\n")
        status, body = await client.answer()
        assert (status, error_type(body)) == (400, "BadRequest")
        assert await client.ended()


# bodies


async def test_body_that_is_cut_short_is_no_answer() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(RESPONSE + b"Content-Length: 100\r\n\r\n" + b'{"an":')
        client.close()
        async with asyncio.timeout(BOUND):
            await here.endpoint.drained(BOUND)
        again = await here.dial()
        again.send(RESPONSE + NULL)
        assert await again.answer() == ACCEPTED
    assert here.listener.told == [("responded", "id-1", b"null")]


@pytest.mark.parametrize("length", [LIMIT + 1, 50 * LIMIT])
async def test_error_whose_body_is_too_long_keeps_its_type_and_none_of_the_body(
    length: int,
) -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(ERROR + b"Lambda-Runtime-Function-Error-Type: App.Long\r\n")
        client.send(b"Content-Length: %d\r\n\r\n" % length, b"x" * length)
        status, body = await client.answer()
    assert (status, error_type(body)) == (413, "RequestEntityTooLarge")
    assert here.listener.told == [("errored", "id-1", "App.Long", b'{"errorType": "App.Long"}')]


async def test_init_error_whose_body_is_too_long_keeps_its_type() -> None:
    async with sandbox() as here:
        client = await here.dial()
        client.send(INIT_ERROR + b"Lambda-Runtime-Function-Error-Type: App.Long\r\n")
        client.send(b"Content-Length: %d\r\n\r\n" % (2 * LIMIT), b"x" * (2 * LIMIT))
        assert (await client.answer())[0] == 413
    assert here.listener.told[1:] == [("init failed", "App.Long", b'{"errorType": "App.Long"}')]


async def test_request_of_another_api_whose_body_is_too_long_is_not_handed_on() -> None:
    async with sandbox() as here:
        here.listener.answers_others = True
        client = await here.dial()
        client.send(b"PUT /2022-07-01/telemetry HTTP/1.1\r\nHost: h\r\n")
        client.send(b"Content-Length: %d\r\n\r\n" % (2 * LIMIT), b"x" * (2 * LIMIT))
        status, body = await client.answer()
    assert (status, error_type(body)) == (413, "RequestEntityTooLarge")
    assert here.listener.told == [("connected",)]


# expectations (RFC 9110, section 10.1.1)


async def test_client_of_http_1_0_is_not_told_to_go_on() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        request = RESPONSE.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Expect: 100-continue\r\n"
        client.send(request + b"Content-Length: 4\r\n\r\n")
        await asyncio.sleep(0)
        client.send(b"null")
        assert await client.answer() == ACCEPTED


async def test_client_whose_body_has_come_is_not_told_to_go_on() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(RESPONSE + b"Expect: 100-Continue\r\n" + NULL)
        assert await client.answer() == ACCEPTED


async def test_expectation_is_met_once_where_another_protocol_is_offered_too() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(RESPONSE + b"Expect: 100-continue\r\n" + OFFER + b"Content-Length: 4\r\n\r\n")
        assert await client.answer() == (100, b"")
        client.send(b"null")
        assert await client.answer() == ACCEPTED


async def test_unknown_expectation_fails() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(RESPONSE + b"Expect: a miracle\r\n" + NULL)
        status, body = await client.answer()
        assert (status, error_type(body)) == (417, "ExpectationFailed")
        assert await client.ended()
    assert here.listener.told == []


# offers of another protocol


async def test_thousands_of_offers_in_one_piece_are_passed_over_one_by_one() -> None:
    count = 2000
    request = b"GET /nowhere HTTP/1.1\r\nHost: h\r\n" + OFFER + b"\r\n"
    async with sandbox() as here:
        client = await here.at_work()
        client.send(request * count)
        for _ in range(count):
            assert (await client.answer())[0] == 404
        client.send(RESPONSE + NULL)
        assert await client.answer() == ACCEPTED


async def test_tunnel_is_refused() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        client.send(b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n")
        assert (await client.answer())[0] == 400
        assert await client.ended()


# what a client does to its connections


async def test_client_that_sends_and_does_not_read_is_not_read_any_more() -> None:
    request = b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n"
    async with sandbox() as here:
        client = await here.at_work()
        client.pause()
        for _ in range(64):
            try:
                async with asyncio.timeout(0.5):
                    await client.send_all(request * 10_000)
            except TimeoutError:
                return
    pytest.fail("the emulator took 25 MB of requests whose answers nobody reads")


async def test_client_that_has_gone_before_it_is_accepted_is_no_fault() -> None:
    faults: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, fault: faults.append(fault))
    try:
        async with sandbox() as here:
            for _ in range(10):
                with socket.create_connection(("127.0.0.1", here.endpoint.port)) as gone:
                    # closed so, the kernel resets the connection
                    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client = await here.at_work()
            client.send(RESPONSE + NULL)
            assert await client.answer() == ACCEPTED
    finally:
        loop.set_exception_handler(before)
    assert faults == []


async def test_connections_of_one_sandbox_are_bounded() -> None:
    async with sandbox() as here:
        kept = await here.asking()
        for _ in range(MOST_CONNECTIONS - 1):
            await here.dial()
        surplus = await here.dial()
        assert await surplus.ended()
        here.endpoint.dispatch(WORK)
        assert await kept.answer() == (200, WORK.payload)


async def test_fault_of_a_listener_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with sandbox() as here:
        client = await here.dial()
        here.listener.asked = None  # type: ignore[assignment,method-assign]
        client.send(NEXT)
        status, body = await client.answer()
        assert (status, error_type(body)) == (500, "InternalServerError")
        assert await client.ended()
    assert "could not be answered" in caplog.text


async def test_deeply_nested_error_body_has_no_type_and_ends_its_invocation() -> None:
    async with sandbox() as here:
        client = await here.at_work()
        body = b"[" * 999  # as deep as the limit of these tests lets it
        client.send(ERROR + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert await client.answer() == ACCEPTED
    assert here.listener.told == [("errored", "id-1", "", body)]
