"""Serves one connection: requests in their order, the short way of an invocation, the end.

Knows what the parser has read; bytes of an answer are those of `answers`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from emulator.api.connection.answers import HeadHolder, refuse_websocket, run_app, write_whole
from emulator.api.connection.known_request import KnownRequest
from emulator.api.network import CONNECTION, ClientConnection

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sized

    from starlette.types import Scope, Send

    from emulator.api.asgi import Headers
    from emulator.live.invocation import Outcome


class ShortWay(Protocol):
    """Serves requests that are there as a whole, without a task and the messages of ASGI."""

    def accept(self, scope: Scope, payload: bytes) -> asyncio.Future[Outcome] | None:
        """Takes a request; None where the app is to answer."""

    def head(self, outcome: Outcome) -> Headers | None:
        """Returns the headers of the outcome's response; None where `tell` is to answer."""

    def client_left(self, outcome: asyncio.Future[Outcome]) -> None:
        """Hears that a client has closed its side, or the connection, before its answer."""

    async def tell(self, outcome: asyncio.Future[Outcome], send: Send) -> None:
        """Answers a request that was taken."""


class _PipelineFlow(FlowControl):
    """Stops reading while requests wait for their turn.

    uvicorn reads on after each answer, so that what waits grows by a buffer for each.
    """

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()


class GatewayProtocol(HttpToolsProtocol):
    """Serves one client's connection.

    A client that has closed its side of the connection is answered (httpwg/http-core, issue 22),
    unless its only request was cut short, which ends the connection. An app that waits for its
    client to leave gets a message when that side is closed, since a half-closed connection and a
    closed one look alike until something is sent.

    An invocation whose request comes in one piece goes the short way, which spares it a third of
    the gateway's time.
    """

    def __init__(self, short_way: ShortWay | None, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._short_way = short_way
        self._running: RequestResponseCycle | None = None
        """The request that is being answered; `cycle` is the last that came."""
        self._head_ends = False
        """Whether the parser is at the end of a request's head."""
        self._unstarted: tuple[RequestResponseCycle, Any] | None = None
        """The request, with its app, whose body the parser reads now."""
        self._outcome: asyncio.Future[Outcome] | None = None
        """What the running request's client waits for, if that goes the short way."""
        self._known: KnownRequest | None = None
        """The last request that went the short way, if its like needs no parser."""
        self._is_between = True
        """Whether the parser has read whole requests, and nothing of a next one."""
        self._data = b""
        """What the parser reads now."""
        self._idle_since: float | None = None
        """When the last answer was given; None while a request is read or answered."""
        self._extensions: dict[str, ClientConnection] = {}
        """Extensions of the scope of every request that comes on the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._extensions = {CONNECTION: ClientConnection()}
        self.flow = _PipelineFlow(transport, self.pipeline)

    def on_message_begin(self) -> None:
        self._is_between = False
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.pipeline.clear()
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
            self._client_left()

    def _client_left(self) -> None:
        if self._short_way is not None and self._outcome is not None:
            self._short_way.client_left(self._outcome)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Returns whether the connection stays open for answers."""
        running = self._running
        if running is None or running.response_complete:
            return False
        last = self.cycle
        if last.more_body:
            if last is running:
                return False
            self.pipeline.popleft()
            last = self.pipeline[0][0] if self.pipeline else running
        last.keep_alive = False
        running.message_event.set()
        self._client_left()
        return True

    def data_received(self, data: bytes) -> None:
        self._idle_since = None
        if self._known is not None and self._accept_known(self._known, data):
            return
        self._known = None
        self._data = data if self._is_between else b""
        try:
            while data:
                data = self._read(data)
        except httptools.HttpParserError:
            self._unstarted = None
            self.send_400_response("Invalid HTTP request received.")
        if self._unstarted is not None:
            self._start_unstarted()  # more of its body is to come

    def _accept_known(self, known: KnownRequest, data: bytes) -> bool:
        """Takes a request with the head of the last one; returns False where nothing was done."""
        last = known.cycle
        body = known.body_of(data)
        if body is None or self.cycle is not last or not last.response_complete:
            return False
        if not (self._is_between and self._short_way is not None and last.keep_alive):
            return False
        outcome = self._short_way.accept(cast("Scope", last.scope), body)
        if outcome is None:
            return False
        cycle = known.begin(self.server_state.default_headers, self.on_response_complete)
        self._await_outcome(self._short_way, cycle, outcome)
        return True

    def _read(self, data: bytes) -> bytes:
        """Feeds the parser; returns what it left unread."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._pass_over_upgrade(data[upgrade.args[0] :])
        return b""

    def _should_upgrade(self) -> bool:
        """Keeps uvicorn from serving a request that asks for another protocol, without its body."""
        return True

    def _pass_over_upgrade(self, rest: bytes) -> bytes:
        """Reads the head of a request for another protocol again, as one of HTTP/1.1.

        The parser takes such a request to have no body, and what follows for the other protocol's.
        Java's HTTP client offers HTTP/2 with every first request.

        Returns:
            What is still to be read.

        Raises:
            httptools.HttpParserError: the request is none.
        """
        if (method := self.parser.get_method()) == b"CONNECT":
            raise httptools.HttpParserError
        kept = [(name, value) for name, value in self.headers if name != b"upgrade"]
        websocket = self._get_upgrade() == b"websocket"
        line = b"%b %b HTTP/1.1\r\n" % (method, self.url)
        head = b"".join(b"%b: %b\r\n" % header for header in kept)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        app = self.app
        self.app = refuse_websocket if websocket else app
        try:
            self.parser.feed_data(line + head + b"\r\n")
        finally:
            self.app = app
        return rest

    # starting requests

    def on_headers_complete(self) -> None:
        self._head_ends = True
        super().on_headers_complete()
        self._head_ends = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        self._unstarted = cycle, app
        # of requests that waited for their turn each has a task, or one answer led to the next
        if self._short_way is None or not self._head_ends or app is refuse_websocket:
            self._start_unstarted()

    def _start_unstarted(self) -> None:
        assert self._unstarted is not None
        (cycle, app), self._unstarted = self._unstarted, None
        cycle.transport = HeadHolder(cycle)  # type: ignore[assignment]  # does what a cycle asks
        super()._start_asgi_task(cycle, partial(run_app, app, cycle))

    def on_message_complete(self) -> None:
        self._is_between = True
        super().on_message_complete()
        if self._unstarted is None or self._short_way is None:
            return
        cycle, _ = self._unstarted
        outcome = self._short_way.accept(cast("Scope", cycle.scope), bytes(cycle.body))
        if outcome is None:
            self._start_unstarted()
            return
        self._unstarted = None
        self._known = KnownRequest.of(self._data, cycle)
        self._await_outcome(self._short_way, cycle, outcome)

    def _await_outcome(
        self, way: ShortWay, cycle: RequestResponseCycle, outcome: asyncio.Future[Outcome]
    ) -> None:
        self._outcome = outcome
        self.tasks.add(outcome)  # type: ignore[arg-type]  # to be awaited, or cancelled, at the end
        outcome.add_done_callback(partial(self._tell, way, cycle))

    # ending requests

    def _tell(
        self, way: ShortWay, cycle: RequestResponseCycle, outcome: asyncio.Future[Outcome]
    ) -> None:
        self.tasks.discard(outcome)
        self._outcome = None
        if cycle.disconnected:
            return
        head = None
        if not self.flow.write_paused and not outcome.cancelled():
            head = way.head(outcome.result())
        if head is None:
            self._known = None  # the cycle is used up by the app
            self._unstarted = cycle, lambda _scope, _receive, send: way.tell(outcome, send)
            self._start_unstarted()
        else:
            write_whole(cycle, 200, head, outcome.result().payload)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    def _look_again_in(self, seconds: float) -> None:
        """Sets the one timer of a connection; a timer for each answer would cost more than it."""
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # the next answer sets the timer
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again_in(left)
        else:
            super().timeout_keep_alive_handler()
