"""Reads one connection of a sandbox: bytes become requests, and too large ones are refused.

It owns the parser, the bounds of what a sandbox may send, and flow control. It knows neither the
states of a runtime nor what a request means: its endpoint answers.
"""

from __future__ import annotations

import asyncio
import logging
from enum import Enum, auto
from typing import Protocol, cast

import httptools

from emulator.host.peers import Peer
from emulator.live.runtime_api.http import CONTINUE, Refusal
from emulator.live.runtime_api.known_requests import KnownAsk, KnownResult

log = logging.getLogger(__name__)

MOST_HEAD_BYTES = (1 << 20) + (64 << 10)
"""Bytes of a request's head, or of its trailers. Runtime clients allow one header, the X-Ray cause
of an error, a mebibyte (aws-lambda-go's and awslambdaric's own limit); all others are small."""
MOST_HEADERS = 256
"""Header lines of one request, its trailers included."""
_LINGER = 1.0
"""Seconds in which a refused client may read why, before its connection is cut."""

_ERROR_TYPE = b"lambda-runtime-function-error-type"
_EXPECT = b"expect"
_MODE = b"lambda-runtime-function-response-mode"
_LENGTHS = frozenset(map(len, (_ERROR_TYPE, _EXPECT, _MODE)))

_BAD = Refusal("BadRequest", "Bad Request", 400)
_BAD_EXPECTATION = Refusal("ExpectationFailed", "Only 100-continue can be expected", 417)
_HEAD_TOO_LARGE = Refusal("RequestHeaderFieldsTooLarge", "The headers are too large", 431)
_TOO_MANY_HEADERS = Refusal("RequestHeaderFieldsTooLarge", "There are too many headers", 431)
_FAULT = Refusal("InternalServerError", "Internal Server Error", 500)


class Endpoint(Protocol):
    """Declares what a connection needs of the endpoint that it was made to."""

    response_limit: int
    """Bytes of a request's body that are kept; of a longer one no more than the fact."""

    def arrived(self, connection: Connection) -> None:
        """Takes a new connection, and calls its `admit` or `abort` now or later."""

    def left(self, connection: Connection) -> None:
        """Forgets a connection that has ended, which `arrived` had."""

    def answer(self, connection: Connection, method: bytes, path: bytes) -> None:
        """Answers a request that was read completely."""

    def begin_stream(self, connection: Connection, path: bytes) -> str:
        """Returns the id of the invocation whose response is to come in pieces; empty if none."""

    def streamed(self, request_id: str, piece: bytes) -> None: ...

    def end_stream(self, connection: Connection) -> None: ...

    def break_stream(self, connection: Connection) -> None:
        """Takes note that the connection has ended amid a response in pieces."""


class _Phase(Enum):
    """Lists the phases of a connection."""

    ARRIVED = auto()
    """Nobody has said yet whose connection it is: bytes are kept unread."""
    OPEN = auto()
    REFUSED = auto()
    """A refusal was sent: what still comes is dropped."""


_OPEN = _Phase.OPEN


class _RefusedError(Exception):
    """Leaves the parser's callbacks with the refusal of the present request."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


_NOTHING_KNOWN = KnownAsk(b"", b"", [])


class Connection(asyncio.Protocol):
    """Parses the requests of one keep-alive connection; the parser calls back synchronously."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.peer = Peer("", 0, "", 0)
        self.stream = ""
        """The id of the invocation whose response comes in pieces now."""
        self.body = bytearray()
        self.error_type = ""
        """The error type in the headers of the present request."""
        self._endpoint = endpoint
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._phase = _Phase.ARRIVED
        self._unread: list[bytes] = []
        self._unparsed = 0
        """Bytes since the parser last came to the end of a head, or to a piece of a body."""
        self._path = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._is_streaming = False
        """Whether a header of the present request says that its body comes in pieces."""
        self._owes_continue = False
        """Whether the client waits for 100 Continue before it sends the body of its request."""
        self._last = False
        """Whether the connection ends after the answer to the present request."""
        self._held = False
        """Whether the caller of the function can take no more of its response now."""
        self._choked = False
        """Whether the client reads too little of what it is sent."""
        self._begun = 0
        """Number of requests that have begun."""
        self._is_between = True
        """Whether the parser has read whole requests, and nothing of a next one."""
        self._known = _NOTHING_KNOWN
        """The last request that came whole, alone and without a body."""
        self._known_result: KnownResult | None = None
        """The last response of an invocation that came whole and alone."""

    # what its endpoint does with it

    def admit(self) -> None:
        """Begins to read: the connection is of the sandbox itself."""
        self._phase = _Phase.OPEN
        self._read_or_wait()
        unread, self._unread = self._unread, []
        for data in unread:
            self.data_received(data)

    @property
    def is_open(self) -> bool:
        """Returns whether an answer can still be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def headers(self) -> dict[bytes, bytes]:
        """Returns the present request's headers and trailers by their names in lower case."""
        return {name.lower(): value for name, value in self._headers}

    def header(self, name: bytes) -> bytes:
        """Returns the value of a header or trailer; empty where there is none."""
        return self.headers().get(name, b"")

    @property
    def body_was_cut(self) -> bool:
        """Returns whether the body was longer than the limit, so that not all of it is here."""
        return len(self.body) > self._endpoint.response_limit

    def hold(self, held: bool) -> None:
        """Stops reading or goes on; the runtime's next pieces wait in its own buffers."""
        self._held = held
        self._read_or_wait()

    def send(self, response: bytes) -> None:
        if self._transport is not None:
            self._transport.write(response)
            if self._last:
                self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _read_or_wait(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        reads = self._phase is not _Phase.ARRIVED and not self._held and not self._choked
        if reads and not transport.is_reading():
            transport.resume_reading()
        elif not reads and transport.is_reading():
            transport.pause_reading()

    def _refuse(self, refusal: Refusal) -> None:
        """Answers for the last time; cutting at once would take the answer from its reader."""
        self._phase = _Phase.REFUSED
        self._parser = httptools.HttpRequestParser(self)
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(refusal.response())
        if transport.can_write_eof():
            transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER, transport.abort)

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        theirs, ours = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if theirs is None:  # the client has gone before it was accepted
            self.abort()
            return
        self.peer = Peer(*theirs[:2], *ours[:2])
        self._read_or_wait()
        self._endpoint.arrived(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._transport = None
        self._endpoint.left(self)
        if self.stream:
            self._endpoint.break_stream(self)

    def pause_writing(self) -> None:
        self._choked = True
        self._read_or_wait()

    def resume_writing(self) -> None:
        self._choked = False
        self._read_or_wait()

    def data_received(self, data: bytes) -> None:
        if self._phase is not _OPEN:
            if self._phase is _Phase.ARRIVED:  # a loop may read once before it heeds the pause
                self._unread.append(data)
            return
        if self._is_between and self._is_known(data):
            return
        self._unparsed += len(data)
        begun = self._begun if self._is_between else -1
        self._parse(data)
        if self._begun == begun + 1 and self._is_between:
            self._know(data)

    def _know(self, data: bytes) -> None:
        """Keeps a request that came whole and alone, unless its like says more than its bytes."""
        if self.error_type or self._is_streaming or self._last or self.body_was_cut:
            return
        method = self._parser.get_method()
        if method == b"GET" and not self.body:
            self._known = KnownAsk(data, self._path, self._headers)
        elif method == b"POST":
            self._known_result = KnownResult.of(data, self._path, bytes(self.body), self._headers)

    def _is_known(self, data: bytes) -> bool:
        """Answers a request whose like was read before; returns False where there was none."""
        known, known_result = self._known, self._known_result
        if data == known.data:
            self._answer_known(b"GET", known.path, b"", known.headers)
        elif known_result is not None and (read := known_result.read(data)) is not None:
            path, body = read
            self._answer_known(b"POST", path, body, known_result.headers)
        else:
            return False
        return True

    def _answer_known(
        self, method: bytes, path: bytes, body: bytes, headers: list[tuple[bytes, bytes]]
    ) -> None:
        self._path, self._headers = path, headers
        self._last = self._is_streaming = False
        self.stream = self.error_type = ""
        self.body = bytearray(body)
        try:
            self._endpoint.answer(self, method, path)
        except Exception as fault:  # noqa: BLE001  # as in the parser's callbacks
            self._fail(fault)

    def _fail(self, fault: BaseException | None) -> None:
        log.error("A request of a sandbox could not be answered.", exc_info=fault)
        self._refuse(_FAULT)

    def _parse(self, data: bytes) -> None:
        try:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                self._pass_over_offers(data, offer.args[0])
            if self._unparsed > MOST_HEAD_BYTES:
                self._refuse(_HEAD_TOO_LARGE)
            elif self._owes_continue:  # and no byte of the body came with the head
                self._owes_continue = False
                self.send(CONTINUE)
        except httptools.HttpParserCallbackError as error:
            fault = error.__context__
            if isinstance(fault, _RefusedError):
                self._refuse(fault.refusal)
            else:
                self._fail(fault)
        except httptools.HttpParserError:
            self._refuse(_BAD)

    def _pass_over_offers(self, data: bytes, read: int) -> None:
        """Goes on behind a head with an offer, `read` bytes into the data; more may follow."""
        rest = memoryview(data)[read:]
        self._pass_over_offer()
        while rest:
            try:
                self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                rest = rest[offer.args[0] :]
                self._pass_over_offer()
            else:
                return

    def _pass_over_offer(self) -> None:
        """Parses a head again without its offer of another protocol.

        Java's HttpClient offers HTTP/2 with each request, and the parser stops at such a head.
        """
        version = self._parser.get_http_version().encode()
        lines = [self._parser.get_method() + b" " + self._path + b" HTTP/" + version]
        lines += [b": ".join(header) for header in self._headers if header[0].lower() != b"upgrade"]
        self._parser = httptools.HttpRequestParser(self)
        try:
            self._parser.feed_data(b"\r\n".join(lines) + b"\r\n\r\n")
        except httptools.HttpParserUpgrade:  # CONNECT is an offer by its method
            raise httptools.HttpParserInvalidMethodError("no tunnel is made here") from None

    # httptools' callbacks

    def on_message_begin(self) -> None:
        self._begun += 1
        self._is_between = False
        self._path = b""
        self._headers = []
        self._last = False
        self._is_streaming = False
        self.stream = ""
        self.body = bytearray()
        self.error_type = ""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self._headers) >= MOST_HEADERS:
            raise _RefusedError(_TOO_MANY_HEADERS)
        self._headers.append((name, value))
        if len(name) in _LENGTHS:  # which spares most headers the lowering
            self._heed(name.lower(), value)

    def _heed(self, name: bytes, value: bytes) -> None:
        """Keeps what a header says that decides how its request is read."""
        if name == _ERROR_TYPE:
            self.error_type = value.decode("latin-1")
        elif name == _MODE:
            self._is_streaming = value.lower() == b"streaming"
        elif name == _EXPECT:
            self._owes_continue = True

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        if self._parser.should_upgrade():
            self._owes_continue = False
            return  # to be parsed again
        if self._owes_continue:
            self._heed_expectation()
        if self._is_streaming:
            self.stream = self._endpoint.begin_stream(self, self._path)

    def _heed_expectation(self) -> None:
        """Refuses an unknown expectation; HTTP/1.0 has none (RFC 9110, section 10.1.1)."""
        if self._parser.get_http_version() == "1.0":
            self._owes_continue = False
        elif self.header(_EXPECT).lower() != b"100-continue":
            raise _RefusedError(_BAD_EXPECTATION)

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        self._owes_continue = False
        if self.stream:
            self._endpoint.streamed(self.stream, body)
        elif len(self.body) <= self._endpoint.response_limit:
            self.body += body

    def on_message_complete(self) -> None:
        self._unparsed = 0
        self._owes_continue = False
        if self._parser.should_upgrade():
            return  # to be parsed again
        self._is_between = True
        self._last = not self._parser.should_keep_alive()
        if self.stream:
            self._endpoint.end_stream(self)
            self.stream = ""
            return
        self._endpoint.answer(self, self._parser.get_method(), self._path)
