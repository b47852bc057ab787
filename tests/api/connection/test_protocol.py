"""What a connection that ends early, asks too much or comes in pieces is answered."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest

from emulator.core.policy import SchedulerSettings
from emulator.live.engine import Engine
from tests.api.conftest import Served, served
from tests.api.wire import BOUND, invocation, request, wire

if TYPE_CHECKING:
    from pathlib import Path

CLOSE = "Connection: close"
TEXT = "Content-Type: text/plain"
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


def reached(here: Served, mark: bytes) -> bool:
    """Tells whether a function was invoked with `mark`, when all that was sent before is read."""
    with wire(here.url) as another:
        another.send(invocation("echo", b'"a later request"', CLOSE))
        assert another.answer().status == 200
    return any(mark in payload for payload in here.payloads)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/2015-03-31/functions/echo/invocations", ()),
        ("/2021-11-15/functions/echo/response-streaming-invocations", ()),
        ("/echo/1", ()),
        ("/", ("Host: open.lambda-url.localhost",)),
    ],
    ids=["invoke", "streamed invoke", "route", "function URL"],
)
@pytest.mark.parametrize("half", [True, False], ids=["half-closed", "closed"])
def test_request_whose_body_is_cut_short_is_not_executed(
    emulator: Served, path: str, headers: tuple[str, ...], *, half: bool
) -> None:
    mark = f"cut-{path.count('/')}-{len(headers)}-{half}".encode()
    with wire(emulator.url) as connection:
        connection.send(request(path, b'"%b"' % mark, TEXT, *headers, length=1000))
        if half:
            connection.half_close()
            connection.rest()
    assert not reached(emulator, mark)


def test_half_closed_client_gets_its_answer(emulator: Served) -> None:
    for body in (invocation("echo", b'"half"'), invocation("pause", b'"half"')):
        with wire(emulator.url) as connection:
            connection.send(body)
            connection.half_close()
            assert connection.answer().status == 200


def test_half_closed_client_gets_all_that_it_asked_for(emulator: Served) -> None:
    with wire(emulator.url) as connection:
        connection.send(b"".join(invocation("echo", b'"answer %d"' % n) for n in range(5)))
        connection.half_close()
        answers = connection.rest()
    assert [b'"answer %d"' % n in answers for n in range(5)] == [True] * 5


def test_client_that_pipelines_without_reading_is_held_up(emulator: Served) -> None:
    asked = request("/nothing", method="GET") * 5000
    process, before = psutil.Process(), psutil.Process().memory_info().rss
    sent = 0
    with wire(emulator.url) as connection:
        # little room for answers, so that it is soon full
        connection.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.connection.settimeout(2)
        try:
            while sent < 200_000_000:
                sent += connection.connection.send(asked)
        except TimeoutError:
            pass
        grown = process.memory_info().rss - before
        assert sent < 200_000_000, "the gateway stopped reading"
    assert grown < 100_000_000


def test_pipelined_requests_are_answered_in_order(emulator: Served) -> None:
    count = 1200  # more than Python's limit of recursion
    asked = [invocation("echo", b'"number %d"' % n) for n in range(count - 1)]
    asked.append(invocation("echo", b'"number %d"' % (count - 1), CLOSE))
    with wire(emulator.url) as connection, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(connection.send, b"".join(asked))
        answers = connection.rest()
        sending.result(BOUND)
    assert not re.findall(rb'"(?:errorM|M)essage": *"[^"]*"', answers)
    bodies = [part.split(b'"')[0] for part in answers.split(b'"number ')[1:]]
    assert bodies == [b"%d" % n for n in range(count)]


@pytest.mark.parametrize("path", ["/echo/1", "/nothing", "/2015-03-31/functions/echo/invocations"])
def test_websocket_upgrade_is_a_bad_request(
    emulator: Served, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with wire(emulator.url) as connection:
        connection.send(request(path, b"", *UPGRADE, KEY, method="GET"))
        answer = connection.answer()
    assert (answer.status, answer.json()) == (400, {"message": "Bad Request"})
    assert not caplog.records


def test_websocket_upgrade_waits_for_its_turn(emulator: Served) -> None:
    upgrade = request("/nothing", b"", *UPGRADE, KEY, method="GET")
    with wire(emulator.url) as connection:
        connection.send(invocation("pause") + upgrade)
        answers = connection.rest()
    assert answers.index(b"HTTP/1.1 200") < answers.index(b"HTTP/1.1 400")


@pytest.mark.parametrize("line", [b"CONNECT localhost:80", b"GET http://[", b"GET /\xff"])
def test_target_that_is_no_path_is_a_bad_request(emulator: Served, line: bytes) -> None:
    with wire(emulator.url) as connection:
        connection.send(
            line + b" HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
        )
        assert connection.rest().startswith(b"HTTP/1.1 400 ")


def test_many_pipelined_upgrades_are_answered(emulator: Served) -> None:
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA")
    count = 1500
    with wire(emulator.url) as connection:
        connection.send(b"".join([request("/nothing", b"body", *upgrade)] * count))
        connection.half_close()
        assert connection.rest().count(b"HTTP/1.1 404 ") == count


@pytest.mark.parametrize("pieces", [1, 2, 40])
def test_upgrade_to_another_protocol_is_passed_by(
    emulator: Served, pieces: int, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = ("Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AA")
    asked = invocation("echo", b'"h2c"', *upgrade)
    size = -(-len(asked) // pieces)
    with wire(emulator.url) as connection:
        connection.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for begin in range(0, len(asked), size):
            connection.send(asked[begin : begin + size])
        assert connection.answer().json() == "h2c"
    assert not caplog.records


@pytest.mark.parametrize("asked", [invocation("echo", b'"whole"'), request("/echo/1", b"{}", TEXT)])
def test_answer_comes_in_one_piece_as_each_piece_wakes_its_client(
    emulator: Served, asked: bytes
) -> None:
    host, port = emulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), BOUND) as connection:
        for _ in range(30):
            connection.sendall(asked)
            head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            assert length == len(body) > 0


def test_body_that_comes_after_its_head_is_invoked_whole(emulator: Served) -> None:
    whole = invocation("echo", b'"in two pieces"', CLOSE)
    with wire(emulator.url) as connection:
        connection.send(whole[:-6])
        time.sleep(0.05)  # a piece of its own on the wire
        connection.send(whole[-6:])
        assert connection.answer().json() == "in two pieces"


@pytest.mark.parametrize("half", [True, False], ids=["half-closed", "reset"])
def test_engine_hears_of_a_client_that_leaves_while_its_request_waits(
    tmp_path: Path, *, half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = threading.Event()
    monkeypatch.setattr(Engine, "caller_left", lambda *_: heard.set())
    with served(tmp_path, SchedulerSettings()) as here, wire(here.url) as connection:
        connection.send(invocation("hang", b'"left"'))
        here.wait_for_an_invocation()
        assert not heard.is_set()
        if half:
            connection.half_close()
        else:
            linger = struct.pack("ii", 1, 0)
            connection.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.connection.close()
        assert heard.wait(BOUND)
