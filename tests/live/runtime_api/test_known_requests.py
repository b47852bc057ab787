"""A request that comes again with the same bytes is not parsed again, and means the same."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import create_autospec

import pytest

from emulator.live.runtime_api.connection import Connection
from tests.live.runtime_api.wire import NEXT, RESPONSE

Answered = tuple[bytes, bytes, dict[bytes, bytes], bytes]
"""Method, path, headers and body of a request."""
ASKED: Answered = (b"GET", NEXT.split()[1], {b"host": b"h"}, b"")


class Told:
    """An endpoint that notes what it is asked."""

    response_limit = 1000

    def __init__(self) -> None:
        self.answered: list[Answered] = []
        self.fails = False

    def arrived(self, connection: Connection) -> None:
        connection.admit()

    def left(self, connection: Connection) -> None: ...

    def answer(self, connection: Connection, method: bytes, path: bytes) -> None:
        if self.fails:
            raise RuntimeError
        self.answered.append((method, path, connection.headers(), bytes(connection.body)))

    def begin_stream(self, connection: Connection, path: bytes) -> str:  # noqa: ARG002
        return ""

    def streamed(self, request_id: str, piece: bytes) -> None: ...

    def end_stream(self, connection: Connection) -> None: ...

    def break_stream(self, connection: Connection) -> None: ...


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def transport() -> Any:
    made = create_autospec(asyncio.Transport, instance=True)
    made.get_extra_info.return_value = ("127.0.0.1", 1)
    made.is_closing.return_value = False
    return made


@pytest.fixture
def connection(told: Told, transport: Any) -> Connection:
    made = Connection(told)
    made.connection_made(transport)
    return made


def _posted(body: bytes) -> bytes:
    return RESPONSE + b"Content-Length: %d\r\n\r\n" % len(body)


def test_a_repeated_request_has_its_own_path_and_headers(
    connection: Connection, told: Told
) -> None:
    result = _posted(b"null") + b"null"
    for data in (NEXT, result, NEXT, result, NEXT):
        connection.data_received(data)
    posted = (b"POST", RESPONSE.split()[1], {b"host": b"h", b"content-length": b"4"}, b"null")
    assert told.answered == [ASKED, posted, ASKED, posted, ASKED]


def _result(request_id: str, body: bytes, *headers: bytes, verb: str = "response") -> bytes:
    """A runtime's report on an invocation; a length is told unless the headers say chunked."""
    path = f"/2018-06-01/runtime/invocation/{request_id}/{verb}"
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: h", *headers]
    if b"Transfer-Encoding: chunked" not in headers:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""]) + body


def test_results_that_differ_in_id_and_body_are_their_own(
    connection: Connection, told: Told
) -> None:
    ids = ["a" * 36, "b" * 36, "c" * 36, "d" * 35, "e" * 36]
    bodies = [b'"one"', b'"two"', b'"three"', b'"six"', b'"ten"']
    for request_id, body in zip(ids, bodies, strict=True):
        connection.data_received(_result(request_id, body))
    paths = [f"/2018-06-01/runtime/invocation/{one}/response".encode() for one in ids]
    assert [(path, body) for _, path, _, body in told.answered] == list(
        zip(paths, bodies, strict=True)
    )


def test_result_of_a_known_head_needs_no_parser(
    connection: Connection, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.data_received(_result("a" * 36, b"1"))
    monkeypatch.setattr(connection, "_parse", None)
    connection.data_received(_result("b" * 36, b"2"))
    assert [body for *_, body in told.answered] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("first", "second", "bodies"),
    [
        (
            _result("a" * 36, b'{"errorMessage": 1}', verb="error"),
            _result("b" * 36, b'{"errorMessage": 2}', verb="error"),
            [b'{"errorMessage": 1}', b'{"errorMessage": 2}'],
        ),
        (
            _result("a" * 36, b"3\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
            _result("b" * 36, b"3\r\nxyz\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
            [b"abc", b"xyz"],
        ),
        (
            _result("a" * 36, b"ab", b"X: 1"),
            _result("b" * 36, b"cd", b"Y: 1"),
            [b"ab", b"cd"],
        ),
        (
            _result("a" * 36, b""),
            _result("b" * 36, b""),
            [b"", b""],
        ),
        (
            _result("a" * 36, b"ab") + NEXT,
            _result("b" * 36, b"cd") + NEXT,
            [b"ab", b"", b"cd", b""],
        ),
    ],
    ids=["errors", "chunks", "other headers", "no body", "with the next request"],
)
def test_what_is_no_like_result_is_read_as_ever(
    connection: Connection, told: Told, first: bytes, second: bytes, bodies: list[bytes]
) -> None:
    connection.data_received(first)
    connection.data_received(second)
    assert [body for *_, body in told.answered] == bodies


def test_error_type_of_a_result_is_not_the_next_ones(connection: Connection, told: Told) -> None:
    del told
    mark = b"Lambda-Runtime-Function-Error-Type: X"
    connection.data_received(_result("a" * 36, b"1", mark))
    assert connection.error_type == "X"
    connection.data_received(_result("b" * 36, b"1"))
    assert connection.error_type == ""
    connection.data_received(_result("c" * 36, b"1"))
    assert connection.error_type == ""


def test_bytes_of_a_known_request_within_a_body_are_the_body(
    connection: Connection, told: Told
) -> None:
    connection.data_received(NEXT)
    connection.data_received(_posted(NEXT))
    connection.data_received(NEXT)
    assert [body for *_, body in told.answered] == [b"", NEXT]


def test_requests_that_come_together_are_all_answered(connection: Connection, told: Told) -> None:
    for _ in range(2):
        connection.data_received(NEXT + NEXT)
    assert told.answered == [ASKED] * 4


def test_the_rest_of_a_request_is_not_known_as_a_whole_one(
    connection: Connection, told: Told
) -> None:
    for _ in range(2):
        connection.data_received(NEXT[:20])
        connection.data_received(NEXT[20:])
    assert told.answered == [ASKED] * 2


def test_a_last_request_ends_the_connection_each_time(
    connection: Connection, told: Told, transport: Any
) -> None:
    last = NEXT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    connection.data_received(NEXT)
    connection.data_received(last)
    connection.send(b"the last answer")
    assert len(told.answered) == 2
    transport.close.assert_called_once()


def test_a_fault_in_a_known_request_is_told_as_in_any_other(
    connection: Connection, told: Told, transport: Any
) -> None:
    connection.data_received(NEXT)
    told.fails = True
    connection._refuse = refused = create_autospec(connection._refuse)  # type: ignore[method-assign]
    connection.data_received(NEXT)
    assert [call.args[0].status for call in refused.call_args_list] == [500]
    assert len(told.answered) == 1
    assert not transport.close.called
