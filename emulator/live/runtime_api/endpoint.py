"""Answers one sandbox on its Runtime API.

Owns the states of a runtime and the routing of its calls, and knows neither the scheduler nor the
backend. Payloads pass through unparsed. Source: the developer guide's "Using the Lambda runtime
API for custom runtimes" and its OpenAPI document (version 2018-06-01).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from emulator.core.failure_bodies import RESPONSE_TOO_LARGE, too_large_body
from emulator.live.runtime_api.calls import (
    INIT_ERROR,
    INVOCATION,
    NEXT,
    RESTORE_ERROR,
    RESTORE_NEXT,
    RESULTS,
    error_of,
    invocation_of,
    next_response,
)
from emulator.live.runtime_api.error_report import decoded_trailer, reported_error, type_alone
from emulator.live.runtime_api.http import ACCEPTED, JSON, Refusal, response
from emulator.live.runtime_api.runtime_state import RuntimeCall, RuntimeState

if TYPE_CHECKING:
    from emulator.live.runtime_api.connection import Connection
    from emulator.live.runtime_api.interface import Admits, RuntimeListener, Work


log = logging.getLogger(__name__)
MOST_CONNECTIONS = 128
"""Connections of one sandbox; more are cut at once."""
_WARNING_PAUSE = 10.0
"""Seconds between two warnings of connections that were refused."""
_TURNS = 4
"""Turns of the loop in which all that the kernel has is read: connections, then their bytes."""
_ERROR_BODY = b"lambda-runtime-function-error-body"
_TRUNCATED = "Runtime.TruncatedResponse"
_NOT_FOUND = Refusal("NotFound", "Not Found", 404)
_UNKNOWN_REQUEST = Refusal("InvalidRequestID", "Invalid request ID", 400)


class SandboxEndpoint:
    """Implements `RuntimeEndpoint` for the engine and `Endpoint` for its connections."""

    def __init__(
        self,
        listener: RuntimeListener,
        response_limit: int,
        admits: Admits | None,
        peer: str = "",
    ) -> None:
        self.port = 0
        self.peer = peer
        self._peer_is_known = bool(peer)
        self.response_limit = response_limit
        self._listener = listener
        self.streamed = listener.streamed  # for each piece, so without a call in between
        self._admits = admits
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._checks: set[asyncio.Task[None]] = set()
        self._refused = 0
        self._warned_at = float("-inf")
        self._state = RuntimeState.STARTED
        self._was_connected = False
        self._waiting: Connection | None = None
        """Asks for `next` and waits for work."""
        self._early: Connection | None = None
        """Asks for `next` while the end of what it streamed on another connection is on its way."""
        self._undelivered: Work | None = None
        """Was dispatched while nobody asked for `next`."""
        self._current: str | None = None
        """The request id of what was dispatched and has no response yet."""

    def serve(self, server: asyncio.Server) -> None:
        self._server = server
        self.port = server.sockets[0].getsockname()[1]

    # what the engine does with it

    def dispatch(self, work: Work) -> None:
        self._current = work.request_id
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            self._undelivered = work
        else:
            self._deliver(work, waiting)

    def reset(self) -> None:
        for connection in list(self._connections):
            connection.abort()
        self._waiting = self._early = self._undelivered = self._current = None
        self._was_connected = False
        self._state = RuntimeState.STARTED

    async def drained(self, timeout: float) -> None:  # noqa: ASYNC109
        await _what_has_come()  # who dialled last may not be accepted yet
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            pass  # a child of the runtime still holds the connection

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for check in self._checks:
            check.cancel()
        for connection in list(self._connections):
            connection.abort()

    # who connects

    def arrived(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._idle.clear()
        if len(self._connections) > MOST_CONNECTIONS:
            self._turn_away(connection, "a sandbox may have no more connections")
        elif self._admits is None:
            self._admit(connection)
        else:
            check = asyncio.create_task(self._check(connection, self._admits))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)

    async def _check(self, connection: Connection, admits: Admits) -> None:
        try:
            admitted = await admits(connection.peer)
        except Exception:  # the outermost frame of a task that nobody awaits
            log.exception("It could not be told who dialled the Runtime API on port %d.", self.port)
            admitted = False
        if not connection.is_open:
            return  # the client has gone, or its runtime was killed
        if admitted:
            self._admit(connection)
        else:
            self._turn_away(connection, "it comes from no process of the sandbox")

    def _admit(self, connection: Connection) -> None:
        if not self._peer_is_known:
            self.peer = connection.peer.address
        if not self._was_connected:
            self._was_connected = True
            self._listener.connected()
        connection.admit()

    def _turn_away(self, connection: Connection, reason: str) -> None:
        connection.abort()
        self._refused += 1
        now = asyncio.get_running_loop().time()
        if now - self._warned_at >= _WARNING_PAUSE:
            self._warned_at = now
            log.warning(
                "A connection from %s:%d to a sandbox's Runtime API on port %d was refused, as %s "
                "(%d refused there so far).",
                connection.peer.address,
                connection.peer.port,
                self.port,
                reason,
                self._refused,
            )

    def left(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._waiting is connection:
            self._waiting = None
        if self._early is connection:
            self._early = None
        if not self._connections:
            self._idle.set()

    # what the sandbox asks

    def answer(self, connection: Connection, method: bytes, path: bytes) -> None:
        if path == NEXT and method == b"GET":
            self._on_next(connection)
        elif path == INIT_ERROR and method == b"POST":
            self._on_init_error(connection)
        elif path == RESTORE_NEXT and method == b"GET":
            if self._granted(RuntimeCall.RESTORE_NEXT, connection):
                connection.send(response(200, [JSON], b"{}"))
        elif path == RESTORE_ERROR and method == b"POST":
            self._on_init_error(connection, RuntimeCall.RESTORE_ERROR)
        elif path.startswith(INVOCATION) and method == b"POST":
            self._on_result(connection, path)
        elif connection.body_was_cut:
            connection.send(self._too_large())
        elif not self._listener.other(
            method, path, connection.headers(), bytes(connection.body), connection.send
        ):
            connection.send(_NOT_FOUND.response())

    def _on_next(self, connection: Connection) -> None:
        if self._state is RuntimeState.STREAMING:
            self._early = connection  # all that it streamed has been sent, not yet been read
            return
        if not self._granted(RuntimeCall.NEXT, connection):
            return
        work, self._undelivered = self._undelivered, None
        if work is not None:
            self._deliver(work, connection)
        else:
            self._waiting = connection
            self._listener.asked()

    def _deliver(self, work: Work, connection: Connection) -> None:
        self._move(RuntimeCall.DISPATCH)
        connection.send(next_response(work))

    def _on_init_error(
        self, connection: Connection, call: RuntimeCall = RuntimeCall.INIT_ERROR
    ) -> None:
        if self._granted(call, connection):
            connection.send(self._too_large() if connection.body_was_cut else ACCEPTED)
            self._listener.init_failed(*error_of(connection))

    def _on_result(self, connection: Connection, path: bytes) -> None:
        request_id, verb = invocation_of(path)
        call = RESULTS.get(verb)
        if call is None:
            connection.send(_NOT_FOUND.response())
        elif request_id != self._current:
            connection.send(_UNKNOWN_REQUEST.response())
        elif self._granted(call, connection):
            self._current = None
            too_large = connection.body_was_cut
            connection.send(self._too_large() if too_large else ACCEPTED)
            if call is RuntimeCall.ERROR:
                self._listener.errored(request_id, *error_of(connection))
            elif too_large:
                body = too_large_body(self.response_limit)
                self._listener.errored(request_id, RESPONSE_TOO_LARGE, body)
            else:
                self._listener.responded(request_id, bytes(connection.body))

    def _granted(self, call: RuntimeCall, connection: Connection) -> bool:
        """Moves the runtime; where its call is not legal now, tells it and returns False."""
        if self._state in call.before:
            self._state = call.after
            return True
        connection.send(call.refusal(self._state).response())
        return False

    def _move(self, call: RuntimeCall) -> None:
        assert self._state in call.before, f"{call} in {self._state}"
        self._state = call.after

    def _too_large(self) -> bytes:
        message = f"Exceeded maximum allowed payload size ({self.response_limit} bytes)."
        return Refusal("RequestEntityTooLarge", message, 413).response()

    # responses in pieces

    def begin_stream(self, connection: Connection, path: bytes) -> str:
        request_id, verb = invocation_of(path)
        call = RuntimeCall.BEGIN_STREAM
        if verb != "response" or request_id != self._current or self._state not in call.before:
            return ""
        self._move(call)
        content_type = connection.header(b"content-type").decode("latin-1")
        self._listener.stream_began(
            request_id, content_type or "application/octet-stream", connection.hold
        )
        return request_id

    def end_stream(self, connection: Connection) -> None:
        connection.send(ACCEPTED)
        error_type = reported_error(connection.error_type, b"")
        body = decoded_trailer(connection.header(_ERROR_BODY))
        self._stream_over(connection.stream, error_type, body or type_alone(error_type))

    def break_stream(self, connection: Connection) -> None:
        self._stream_over(connection.stream, _TRUNCATED, type_alone(_TRUNCATED))

    def _stream_over(self, request_id: str, error_type: str, body: bytes) -> None:
        if self._current != request_id:
            return  # the runtime has reported an error of the same invocation elsewhere
        self._current = None
        self._move(RuntimeCall.END_STREAM)
        self._listener.stream_ended(request_id, error_type, body)
        early, self._early = self._early, None
        if early is not None:
            self._on_next(early)


async def _what_has_come() -> None:
    """Lets the loop read what the kernel has already."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
