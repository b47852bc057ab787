"""What lies between a client and a function, on real connections and on a loop that jumps."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from emulator.api.network import CONNECTION, ClientConnection, Network, passage_of
from emulator.api.peers import SandboxClients
from emulator.core.network_path import (
    Constant,
    Limit,
    NetworkPath,
    Passage,
    RoundTrips,
    Trust,
    WayIn,
    always,
)
from emulator.core.policy import SchedulerSettings
from tests.api.conftest import served
from tests.live.jumping_loop import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from tests.api.conftest import Served

INVOKE = "/2015-03-31/functions/echo/invocations"
WAITING = 1000
ROUND_TRIP = 0.5
"""Seconds of a round trip where a thousand requests wait."""
BOUND = 240.0
"""Seconds that any one wait may take."""


def path(round_trip: float, api_gateway: float = 0.0, front_end: float = 0.0) -> NetworkPath:
    return NetworkPath(
        name="made",
        description="made up",
        round_trip=Constant(always(round_trip), Trust.LOW, "made up"),
        tcp=RoundTrips(1, Trust.HIGH, "made up"),
        tls=RoundTrips(2, Trust.HIGH, "made up"),
        api_gateway=Constant(always(api_gateway), Trust.LOW, "made up"),
        front_end=Constant(always(front_end), Trust.LOW, "made up"),
    )


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = path(0.0625, 0.03125, 0.015625)
    with served(tmp_path_factory.mktemp("code"), SchedulerSettings(), made) as here:
        yield here


def post(connection: http.client.HTTPConnection, where: str) -> tuple[int, float]:
    began = time.monotonic()
    connection.request("POST", where, b"{}")
    answer = connection.getresponse()
    answer.read()
    return answer.status, time.monotonic() - began


def dialled(here: Served) -> http.client.HTTPConnection:
    address = urlsplit(here.url)
    return http.client.HTTPConnection(str(address.hostname), address.port, timeout=BOUND)


def test_a_client_that_keeps_its_connection_pays_for_tcp_and_tls_once(far: Served) -> None:
    before = len(far.requested)
    for _ in range(2):
        connection = dialled(far)
        took = [post(connection, INVOKE) for _ in range(3)]
        connection.close()
        assert [status for status, _ in took] == [200, 200, 200]
        assert took[0][1] >= 4 * 0.0625 + 0.015625
        assert all(seconds >= 0.0625 + 0.015625 for _, seconds in took)
    told = far.requested[before:]
    assert [event.network for event in told] == [0.25, 0.0625, 0.0625] * 2
    assert {event.gateway for event in told} == {0.015625}


def test_a_route_of_the_template_passes_api_gateway_and_what_lies_behind(far: Served) -> None:
    before = len(far.requested)
    connection = dialled(far)
    status, took = post(connection, "/echo/1")
    connection.close()
    assert (status, took >= 0.25 + 0.046875) == (200, True)
    assert [(e.network, e.gateway) for e in far.requested[before:]] == [(0.25, 0.046875)]


def test_the_testbed_s_own_pages_are_near(far: Served) -> None:
    connection = dialled(far)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()
    connection = dialled(far)  # whose first request to a function pays for the set-up still
    before = len(far.requested)
    assert post(connection, INVOKE)[0] == 200
    assert far.requested[before].network == 0.25
    connection.close()


def test_a_thousand_requests_wait_at_once_and_no_thread_waits_with_them(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("code")
    with served(folder, SchedulerSettings(), path(ROUND_TRIP)) as here:
        asyncio.run(asyncio.wait_for(_ask_at_once(here), BOUND))


async def _ask_at_once(here: Served) -> None:
    address = urlsplit(here.url)
    body = b"POST /2015-03-31/functions/nobody/invocations HTTP/1.1\r\nhost: x\r\n"
    body += b"content-length: 2\r\nconnection: close\r\n\r\n{}"
    threads = threading.active_count()

    async def ask() -> tuple[bytes, float]:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(body)
        sent = time.monotonic()
        answer = await reader.read()
        writer.close()
        return answer, time.monotonic() - sent

    asking = [asyncio.create_task(ask()) for _ in range(WAITING)]
    await asyncio.sleep(2 * ROUND_TRIP)  # half of what each waits for at the least
    assert threading.active_count() == threads
    answers = await asyncio.gather(*asking)
    assert all(answer.startswith(b"HTTP/1.1 404") for answer, _ in answers)
    took = [seconds for _, seconds in answers]
    assert min(took) >= 4 * ROUND_TRIP  # three round trips, and the request's own
    # a tenth of what they would take one after the other; a slow machine sends for seconds
    assert max(took) < WAITING * 4 * ROUND_TRIP / 10


class Answering:
    """Answers everything at once, and notes when it was asked and what it was told."""

    def __init__(self) -> None:
        self.asked_at: list[float] = []
        self.passages: list[Passage] = []

    def match(self, scope: Scope) -> ASGIApp | None:
        return None if scope["path"] == "/other" else self.answer

    async def answer(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.asked_at.append(asyncio.get_running_loop().time())
        self.passages.append(passage_of(scope))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def scope(connection: ClientConnection | None = None) -> dict[str, Any]:
    extensions = {} if connection is None else {CONNECTION: connection}
    return {"type": "http", "path": "/", "extensions": extensions}


async def no_news() -> dict[str, Any]:
    return {"type": "http.disconnect"}


class Chance:
    def random(self) -> float:
        return 0.5


@pytest.mark.parametrize("dilation", [1.0, 4.0])
def test_a_request_is_late_by_its_way_there_and_its_answer_by_the_way_back(dilation: float) -> None:
    answering, sent = Answering(), list[tuple[str, float]]()

    async def send(message: Any) -> None:
        sent.append((message["type"], asyncio.get_running_loop().time()))

    async def ask() -> None:
        network = Network(path(0.5, 0.25, 0.125), Chance(), SandboxClients(), dilation=dilation)
        route = network.before(answering, WayIn.HTTP_API)
        answer = route.match(scope())
        assert answer is not None
        await answer(scope(), no_news, send)

    run(ask())
    assert answering.asked_at == [(1.5 + 0.25 + 0.1875) * dilation]
    back = (1.5 + 0.5 + 0.375) * dilation
    assert sent == [("http.response.start", back), ("http.response.body", back)]
    assert answering.passages == [Passage(1.5, 0.5, 0.25, 0.125)]  # not dilated: Lambda's seconds


def test_requests_wait_beside_each_other() -> None:
    answering = Answering()

    async def send(_message: Any) -> None:
        pass

    async def ask() -> None:
        network = Network(path(1.0), Chance(), SandboxClients())
        answer = network.before(answering, WayIn.INVOKE).match(scope())
        assert answer is not None
        connections = [scope(ClientConnection()) for _ in range(WAITING)]
        await asyncio.gather(*(answer(each, no_news, send) for each in connections))
        assert asyncio.get_running_loop().time() == 4.0

    run(ask())
    assert answering.asked_at == [3.5] * WAITING


def test_a_sandbox_asks_from_within_the_region() -> None:
    class OfSandboxes(SandboxClients):
        async def include(self, scope: Scope) -> bool:
            return scope["path"] == "/"

    async def ask() -> None:
        network = Network(path(1.0, 0.25, 0.125), Chance(), OfSandboxes())
        assert await network.passage(scope(), WayIn.INVOKE) == Passage(front_end=0.125)
        connection = ClientConnection()
        kept = scope(connection)
        for _ in range(2):
            assert await network.passage(kept, WayIn.INVOKE) == Passage(front_end=0.125)
        elsewhere = scope() | {"path": "/elsewhere"}
        assert (await network.passage(elsewhere, WayIn.INVOKE)).network == 4.0

    run(ask())


def test_what_a_route_does_not_take_is_left_to_the_next() -> None:
    network = Network(path(1.0), Chance(), SandboxClients())
    route = network.before(Answering(), WayIn.INVOKE)
    assert route.match(scope() | {"path": "/other"}) is None


def test_without_a_network_nothing_is_lost(emulator: Served) -> None:
    before = len(emulator.requested)
    connection = dialled(emulator)
    assert post(connection, INVOKE)[0] == 200
    connection.close()
    emulator.client.invoke(FunctionName="echo", Payload=json.dumps({}))
    assert {(e.network, e.gateway) for e in emulator.requested[before:]} == {(0.0, 0.0)}


@pytest.mark.parametrize(("dilation", "idle_speedup"), [(1.0, 1.0), (4.0, 1.0), (1.0, 60.0)])
def test_an_idle_connection_is_closed_in_the_time_of_the_emulated(
    dilation: float, idle_speedup: float
) -> None:
    made = replace(path(0.25), idle_connection=Limit(310.0, Trust.LOW, "made up"))
    told: list[float] = []

    async def send(_message: Any) -> None:
        pass

    async def ask() -> None:
        answering = Answering()
        network = Network(
            made, Chance(), SandboxClients(), dilation=dilation, idle_speedup=idle_speedup
        )
        answer = network.before(answering, WayIn.INVOKE).match(scope())
        assert answer is not None
        kept = scope(ClientConnection())
        for pause in (0.0, 309.0, 311.0, 10.0):
            await asyncio.sleep(pause * dilation / idle_speedup)
            await answer(kept, no_news, send)
        told.extend(passage.network for passage in answering.passages)

    run(ask())
    assert told == [1.0, 0.25, 1.0, 0.25]
