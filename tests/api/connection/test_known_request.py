"""Requests whose heads are the same bytes as those of the request before, on one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.wire import Answer, invocation, parsed, wire

if TYPE_CHECKING:
    from tests.api.conftest import Served
    from tests.api.wire import Wire

CLOSE = "Connection: close"


def ask(connection: Wire, *pieces: bytes) -> Answer:
    """Sends a request in pieces, and reads the one answer."""
    for piece in pieces:
        connection.send(piece)
    raw = b""
    while b"\r\n\r\n" not in raw or len(parsed(raw).body) < length(raw):
        part = connection.connection.recv(1 << 16)
        assert part, "the connection was closed"
        raw += part
    return parsed(raw)


def length(raw: bytes) -> int:
    (said,) = parsed(raw).all("content-length")
    return int(said)


def test_each_is_answered_with_its_own_body(emulator: Served) -> None:
    with wire(emulator.url) as connection:
        bodies = [ask(connection, invocation("echo", b"%d" % n)).body for n in range(10, 30)]
    assert bodies == [b"%d" % n for n in range(10, 30)]
    assert emulator.payloads[-20:] == bodies


def test_each_has_a_request_id_of_its_own(emulator: Served) -> None:
    with wire(emulator.url) as connection:
        answers = [ask(connection, invocation("echo", b"1")) for _ in range(4)]
    ids = {answer.all("x-amzn-requestid")[0] for answer in answers}
    assert len(ids) == 4


def test_head_of_the_same_length_is_another_request(emulator: Served) -> None:
    with wire(emulator.url) as connection:
        answers = [ask(connection, invocation(name, b"1")) for name in ("echo", "fail", "echo")]
    failed = [bool(answer.all("x-amz-function-error")) for answer in answers]
    assert failed == [False, True, False]


def test_body_that_is_no_json_is_refused_and_the_next_one_served(emulator: Served) -> None:
    with wire(emulator.url) as connection:
        answers = [ask(connection, invocation("echo", body)) for body in (b"11", b"{{", b"12")]
    assert [answer.status for answer in answers] == [200, 400, 200]


@pytest.mark.parametrize("at", [1, 10, -1], ids=["first byte", "head", "last byte"])
def test_one_that_comes_in_pieces_is_answered(emulator: Served, at: int) -> None:
    with wire(emulator.url) as connection:
        for n in range(4):
            whole = invocation("echo", b"%d" % n)
            assert ask(connection, whole).body == b"%d" % n
            assert ask(connection, whole[:at], whole[at:]).body == b"%d" % n


def test_those_that_come_together_after_one_alone_are_answered_in_order(emulator: Served) -> None:
    with wire(emulator.url) as connection:
        assert ask(connection, invocation("echo", b"0")).body == b"0"
        assert ask(connection, invocation("echo", b"1")).body == b"1"
        together = [invocation("echo", b"%d" % n) for n in range(2, 8)]
        connection.send(b"".join(together) + invocation("echo", b"8", CLOSE))
        answers = connection.rest().split(b"HTTP/1.1 ")[1:]
    assert [answer.rpartition(b"\r\n\r\n")[2] for answer in answers] == [
        b"%d" % n for n in range(2, 9)
    ]


def test_one_that_comes_before_the_answer_of_the_last_waits_for_its_turn(emulator: Served) -> None:
    with wire(emulator.url) as connection:
        for _ in range(2):
            ask(connection, invocation("pause"))
        connection.send(invocation("pause"))
        connection.send(invocation("pause"))
        connection.send(invocation("pause", b"{}", CLOSE))
        assert connection.rest().count(b"HTTP/1.1 200 ") == 3
