"""Names what the engine and a sandbox's Runtime API tell each other.

It owns the words of that seam alone; `server` stands behind it, and a fake in the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping

    from emulator.host.peers import Peer

Admits: TypeAlias = "Callable[[Peer], Awaitable[bool]]"
"""Tells whether a connection comes from the sandbox that the endpoint was opened for."""


class Work(Struct, frozen=True, gc=False):
    """Holds one invocation as the runtime gets it."""

    request_id: str
    deadline_ms: int
    """Epoch milliseconds at which the invocation's timeout is over."""
    function_arn: str
    payload: bytes
    trace_id: str = ""
    client_context: str = ""
    """JSON, at most 3,583 bytes of base64 on the wire of Invoke."""
    tenant: str = ""
    """Tenant for whom the function was invoked; empty where it tells none apart."""


class RuntimeListener(Protocol):
    """Hears what a sandbox's runtime does."""

    def connected(self) -> None:
        """Takes note of the first connection since the runtime was started."""

    def asked(self) -> None:
        """Takes note that the runtime asked for `next` and has nothing to do."""

    def init_failed(self, error_type: str, body: bytes) -> None: ...

    def responded(self, request_id: str, body: bytes) -> None: ...

    def errored(self, request_id: str, error_type: str, body: bytes) -> None: ...

    def stream_began(
        self, request_id: str, content_type: str, hold: Callable[[bool], None]
    ) -> None:
        """Takes note that a response comes in pieces; `hold` makes the runtime wait, or go on."""

    def streamed(self, request_id: str, piece: bytes) -> None: ...

    def stream_ended(self, request_id: str, error_type: str, error_body: bytes) -> None:
        """Takes note of the end of a response in pieces; no error type where all went well."""

    def other(
        self,
        method: bytes,
        path: bytes,
        headers: Mapping[bytes, bytes],
        body: bytes,
        reply: Callable[[bytes], None],
    ) -> bool:
        """Answers a request of another API than the runtime's; `reply` takes the whole response.

        Header names are in lower case. Returns False where nobody answers it.
        """


class RuntimeEndpoint(Protocol):
    """Declares one sandbox's side of the Runtime API, as the engine uses it."""

    port: int
    peer: str
    """The address from which the sandbox dials; empty until it has."""

    def dispatch(self, work: Work) -> None:
        """Hands the work to the runtime, now or as soon as it asks for `next`."""

    def reset(self) -> None:
        """Forgets the runtime, which was killed, its connections and its invocation."""

    async def drained(self, timeout: float) -> None:  # noqa: ASYNC109  # a bound, not a deadline
        """Waits until all that an ended runtime sent has been read, `timeout` s at most."""

    async def close(self) -> None: ...


class RuntimeApi(Protocol):
    """Opens an endpoint for each sandbox."""

    async def open(
        self, host: str, listener: RuntimeListener, admits: Admits | None = None
    ) -> RuntimeEndpoint:
        """Listens for one sandbox on an address of this machine.

        No byte of a connection is answered before `admits` has said that it is the sandbox's own;
        without `admits` everybody is answered.

        Raises:
            OSError: no port is left there.
        """

    async def open_at(
        self, bound: socket.socket, address: str, listener: RuntimeListener
    ) -> RuntimeEndpoint:
        """Listens for one sandbox on a socket that the sandbox alone can dial.

        `address` is the endpoint's `peer`, as connections show the loopback address.
        """
