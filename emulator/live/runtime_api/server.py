"""The server that a sandbox dials: Lambda's Runtime API, one listening socket a sandbox.

It owns connections and bytes, and knows neither the scheduler nor the backend. Payloads pass
through unparsed. Source: the developer guide's "Using the Lambda runtime API for custom runtimes"
and its OpenAPI document (version 2018-06-01).
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from emulator.core.failure_bodies import RESPONSE_TOO_LARGE, too_large_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PREFIX = b"/2018-06-01/runtime/"
_NEXT = _PREFIX + b"invocation/next"
_INIT_ERROR = _PREFIX + b"init/error"
_INVOCATION = _PREFIX + b"invocation/"
_BACKLOG = 16


@dataclass(frozen=True, slots=True)
class Work:
    """One invocation as the runtime gets it."""

    request_id: str
    deadline_ms: int
    """Epoch milliseconds."""
    function_arn: str
    payload: bytes
    trace_id: str = ""
    client_context: str = ""
    """JSON, at most 3,583 bytes of base64 on the wire of Invoke."""


class RuntimeListener(Protocol):
    """Who is told what a sandbox's runtime does."""

    def connected(self) -> None:
        """Its first connection was accepted."""

    def asked(self) -> None:
        """It asked for `next`: it has nothing to do."""

    def init_failed(self, error_type: str, body: bytes) -> None: ...

    def responded(self, request_id: str, body: bytes) -> None: ...

    def errored(self, request_id: str, error_type: str, body: bytes) -> None: ...

    def stream_began(
        self, request_id: str, content_type: str, hold: Callable[[bool], None]
    ) -> None:
        """Its response comes in pieces; `hold` makes it wait, or go on."""

    def streamed(self, request_id: str, piece: bytes) -> None: ...

    def stream_ended(self, request_id: str, error_type: str, error_body: bytes) -> None:
        """The error type is empty where all went well."""

    def other(
        self,
        method: bytes,
        path: bytes,
        headers: Mapping[bytes, bytes],
        body: bytes,
        reply: Callable[[bytes], None],
    ) -> bool:
        """A request of another API than the runtime's; `reply` takes the whole response.

        Header names are in lower case. False where nobody answers it.
        """


class RuntimeEndpoint(Protocol):
    """One sandbox's side of the Runtime API."""

    port: int
    peer: str
    """The address from which the sandbox dials; empty until it has."""

    def dispatch(self, work: Work) -> None:
        """Hands the work to the runtime, now or as soon as it asks for `next`."""

    def reset(self) -> None:
        """The runtime was killed: what it held and what it was about is forgotten."""

    async def drained(self, timeout: float) -> None:  # noqa: ASYNC109  # a bound, not a deadline
        """Waits until all that an ended runtime sent has been read, `timeout` s at most."""

    async def close(self) -> None: ...


class RuntimeApi(Protocol):
    async def open(self, host: str, listener: RuntimeListener) -> RuntimeEndpoint: ...


class RuntimeApiServer:
    """Opens a listening socket for each sandbox, on a port that the kernel picks."""

    def __init__(self, response_limit: int) -> None:
        self._response_limit = response_limit

    async def open(self, host: str, listener: RuntimeListener) -> RuntimeEndpoint:
        endpoint = _Endpoint(listener, self._response_limit)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(endpoint), host, 0, backlog=_BACKLOG)
        endpoint.serve(server)
        return endpoint


class _Endpoint:
    def __init__(self, listener: RuntimeListener, response_limit: int) -> None:
        self.port = 0
        self.peer = ""
        self.listener = listener
        self.response_limit = response_limit
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._asking: _Connection | None = None
        self._early: _Connection | None = None
        """Asks for `next` while the end of what it streamed on another connection is on its way."""
        self._undelivered: Work | None = None
        self._current: str | None = None
        self._was_connected = False
        self._was_ready = False
        """The runtime has asked for `next` since it was started."""

    def serve(self, server: asyncio.Server) -> None:
        self._server = server
        self.port = server.sockets[0].getsockname()[1]

    def attach(self, connection: _Connection) -> None:
        self._connections.add(connection)
        self.peer = connection.peer
        self._idle.clear()
        if not self._was_connected:
            self._was_connected = True
            self.listener.connected()

    def detach(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if self._asking is connection:
            self._asking = None
        if self._early is connection:
            self._early = None
        if not self._connections:
            self._idle.set()

    def dispatch(self, work: Work) -> None:
        self._current = work.request_id
        asking, self._asking = self._asking, None
        if asking is None:
            self._undelivered = work
        else:
            asking.send(_next_response(work))

    def reset(self) -> None:
        for connection in list(self._connections):
            connection.abort()
        self._asking = self._early = self._undelivered = self._current = None
        self._was_connected = self._was_ready = False

    async def drained(self, timeout: float) -> None:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            pass  # a child of the runtime still holds the connection

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()

    def answer(self, connection: _Connection, method: bytes, path: bytes) -> None:
        """Routes one request that was read completely."""
        if path == _NEXT and method == b"GET":
            self._on_next(connection)
        elif path == _INIT_ERROR and method == b"POST":
            self._on_init_error(connection)
        elif path.startswith(_INVOCATION) and method == b"POST":
            request_id, _, verb = path[len(_INVOCATION) :].decode("latin-1").partition("/")
            self._on_result(connection, request_id, verb)
        elif not self.listener.other(
            method, path, connection.headers(), bytes(connection.body), connection.send
        ):
            connection.send(_error(404, "NotFound", "Not Found"))

    def _on_next(self, connection: _Connection) -> None:
        if self._undelivered is not None:
            work, self._undelivered = self._undelivered, None
            connection.send(_next_response(work))
        elif self._current is not None and self._streams:
            self._early = connection  # all that it streamed has been sent, not yet been read
        elif self._current is not None:
            connection.send(_illegal("RuntimeInvocation", "Ready"))
        else:
            self._was_ready = True
            self._asking = connection
            self.listener.asked()

    def _on_init_error(self, connection: _Connection) -> None:
        if self._was_ready:
            connection.send(_illegal("Ready", "InitError"))
        else:
            connection.send(_ACCEPTED)
            body = bytes(connection.body)
            self.listener.init_failed(connection.error_type or _named_in(body), body)

    def _on_result(self, connection: _Connection, request_id: str, verb: str) -> None:
        if verb not in ("response", "error"):
            connection.send(_error(404, "NotFound", "Not Found"))
            return
        if request_id != self._current:
            connection.send(_error(400, "InvalidRequestID", "Invalid request ID"))
            return
        if verb == "response" and len(connection.body) > self.response_limit:
            self._refuse_response(connection, request_id)
            return
        self._current = None
        connection.send(_ACCEPTED)
        body = bytes(connection.body)
        if verb == "response":
            self.listener.responded(request_id, body)
        else:
            self.listener.errored(request_id, connection.error_type or _named_in(body), body)

    # responses in pieces

    def begin_stream(self, connection: _Connection, path: bytes) -> str:
        """The request id of the response that the runtime is about to stream; empty if none is."""
        request_id, _, verb = path[len(_INVOCATION) :].decode("latin-1").partition("/")
        if verb != "response" or request_id != self._current:
            return ""
        self.listener.stream_began(request_id, connection.content_type(), connection.hold)
        return request_id

    def end_stream(self, connection: _Connection) -> None:
        connection.send(_ACCEPTED)
        error_type = connection.error_type
        body = _decoded(connection.trailer(_ERROR_BODY))
        self._stream_over(connection.stream, error_type, body or _nameless(error_type))

    def break_stream(self, connection: _Connection) -> None:
        """The connection ended amid a response."""
        self._stream_over(connection.stream, _TRUNCATED, _nameless(_TRUNCATED))

    def _stream_over(self, request_id: str, error_type: str, body: bytes) -> None:
        if self._current != request_id:
            return  # the runtime has reported an error of the same invocation elsewhere
        self._current = None
        self.listener.stream_ended(request_id, error_type, body)
        early, self._early = self._early, None
        if early is not None:
            self._on_next(early)

    @property
    def _streams(self) -> bool:
        return any(connection.stream == self._current for connection in self._connections)

    def _refuse_response(self, connection: _Connection, request_id: str) -> None:
        self._current = None
        limit = self.response_limit
        message = f"Exceeded maximum allowed payload size ({limit} bytes)."
        connection.send(_error(413, "RequestEntityTooLarge", message))
        self.listener.errored(request_id, RESPONSE_TOO_LARGE, too_large_body(limit))


class _Connection(asyncio.Protocol):
    """One keep-alive connection of a runtime; the parser calls back synchronously."""

    def __init__(self, endpoint: _Endpoint) -> None:
        self._endpoint = endpoint
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._last = False
        """Its client asked for an end after the answer to the present request."""
        self.peer = ""
        self.stream = ""
        """The request id of the response that comes in pieces on it now."""
        self.body = bytearray()
        self.error_type = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        self.peer = str(transport.get_extra_info("peername")[0])
        self._endpoint.attach(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._endpoint.detach(self)
        if self.stream:
            self._endpoint.break_stream(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._pass_over_offer(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send(_error(400, "BadRequest", "Bad Request"))
            self.abort()

    def _pass_over_offer(self, rest: bytes) -> None:
        """Parses the head again without its offer of another protocol, then what followed.

        Java's HttpClient offers HTTP/2 with each request, and the parser stops at such a head.
        """
        lines = [self._parser.get_method() + b" " + self._path + b" HTTP/1.1"]
        lines += [b": ".join(header) for header in self._headers if header[0].lower() != b"upgrade"]
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def headers(self) -> dict[bytes, bytes]:
        """Of the present request, by their names in lower case."""
        return {name.lower(): value for name, value in self._headers}

    def content_type(self) -> str:
        return self.headers().get(b"content-type", b"application/octet-stream").decode("latin-1")

    def trailer(self, name: bytes) -> bytes:
        """Of the present request, when all of it has come."""
        return self.headers().get(name, b"")

    def hold(self, held: bool) -> None:
        """Stops reading, or goes on: the runtime's next pieces wait in its own buffers."""
        if self._transport is None or self._transport.is_closing():
            return
        if held and self._transport.is_reading():
            self._transport.pause_reading()
        elif not held and not self._transport.is_reading():
            self._transport.resume_reading()

    def send(self, response: bytes) -> None:
        if self._transport is not None:
            self._transport.write(response)
            if self._last:
                self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # httptools' callbacks

    def on_message_begin(self) -> None:
        self._path = b""
        self._headers = []
        self._last = False
        self.stream = ""
        self.body = bytearray()
        self.error_type = ""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        # the length is compared first: it spares most headers the lowering
        if len(name) == _ERROR_TYPE_LENGTH and name.lower() == _ERROR_TYPE:
            self.error_type = value.decode("latin-1")
        elif len(name) == _EXPECT_LENGTH and name.lower() == b"expect":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_headers_complete(self) -> None:
        if not self._parser.should_upgrade() and self._streams():
            self.stream = self._endpoint.begin_stream(self, self._path)

    def _streams(self) -> bool:
        return any(
            len(name) == _MODE_LENGTH and name.lower() == _MODE and value.lower() == b"streaming"
            for name, value in self._headers
        )

    def on_body(self, body: bytes) -> None:
        if self.stream:
            self._endpoint.listener.streamed(self.stream, body)
        elif len(self.body) <= self._endpoint.response_limit:
            self.body += body

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # to be parsed again
        self._last = not self._parser.should_keep_alive()
        if self.stream:
            self._endpoint.end_stream(self)
            self.stream = ""
            return
        self._endpoint.answer(self, self._parser.get_method(), self._path)


_ERROR_TYPE = b"lambda-runtime-function-error-type"
_ERROR_TYPE_LENGTH = len(_ERROR_TYPE)
_EXPECT_LENGTH = len(b"expect")
_MODE = b"lambda-runtime-function-response-mode"
_MODE_LENGTH = len(_MODE)
_ERROR_BODY = b"lambda-runtime-function-error-body"
_TRUNCATED = "Runtime.TruncatedResponse"
_REASONS = {
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    413: "Payload Too Large",
}


def _response(status: int, body: str) -> bytes:
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode("latin-1")


def _error(status: int, error_type: str, message: str) -> bytes:
    return _response(status, f'{{"errorMessage":"{message}","errorType":"{error_type}"}}')


def _illegal(before: str, after: str) -> bytes:
    """What a runtime is told that calls out of turn; the words are of AWS's open emulator."""
    message = (
        f"Transition from {before} to {after} failed for runtime. Error: State transition is not "
        "allowed"
    )
    return _error(403, "InvalidStateTransition", message)


def _decoded(trailer: bytes) -> bytes:
    """Base64, as the guide has it; anything else is passed on as it is."""
    try:
        return base64.b64decode(trailer, validate=True)
    except ValueError:
        return trailer


def _nameless(error_type: str) -> bytes:
    """The body of an error of which no more than its type is known; none without an error."""
    return json.dumps({"errorType": error_type}).encode() if error_type else b""


def _named_in(body: bytes) -> str:
    """The error's type where the header lacks it, as Java's client leaves it to the body."""
    try:
        named = json.loads(body)["errorType"]
    except (ValueError, TypeError, KeyError):
        return ""
    return named if isinstance(named, str) else ""


_ACCEPTED = _response(202, '{"status":"OK"}')


def _next_response(work: Work) -> bytes:
    trace = f"Lambda-Runtime-Trace-Id: {work.trace_id}\r\n" if work.trace_id else ""
    context = work.client_context
    client = f"Lambda-Runtime-Client-Context: {context}\r\n" if context else ""
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        f"Lambda-Runtime-Aws-Request-Id: {work.request_id}\r\n"
        f"Lambda-Runtime-Deadline-Ms: {work.deadline_ms}\r\n"
        f"Lambda-Runtime-Invoked-Function-Arn: {work.function_arn}\r\n"
        f"{trace}{client}Content-Length: {len(work.payload)}\r\n\r\n"
    )
    return head.encode() + work.payload
