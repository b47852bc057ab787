"""The one `RuntimeListener` of the tests: keeps what a runtime did, in a list and in a queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from emulator.live.runtime_api.http import response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class RecordedRuntime:
    """Implements `RuntimeListener`."""

    def __init__(self, *, answers_others: bool = False) -> None:
        """`answers_others`: answers each request of another API than the runtime's with `hi`."""
        self.told: list[tuple[object, ...]] = []
        self.events: asyncio.Queue[tuple[object, ...]] = asyncio.Queue()
        """What a test waits for: the first `next`, and how inits and invocations end."""
        self.is_ready = asyncio.Event()
        """Set when the runtime has asked for `next`; a test may clear it."""
        self.answers_others = answers_others

    def connected(self) -> None:
        self.told.append(("connected",))

    def asked(self) -> None:
        self.told.append(("asked",))
        if not self.is_ready.is_set():
            self.is_ready.set()
            self.events.put_nowait(("ready",))

    def init_failed(self, error_type: str, body: bytes) -> None:
        self._ended("init failed", error_type, body)

    def responded(self, request_id: str, body: bytes) -> None:
        self._ended("responded", request_id, body)

    def errored(self, request_id: str, error_type: str, body: bytes) -> None:
        self._ended("errored", request_id, error_type, body)

    def stream_began(
        self, request_id: str, content_type: str, hold: Callable[[bool], None]
    ) -> None:
        self.told.append(("stream began", request_id, content_type, hold))

    def streamed(self, request_id: str, piece: bytes) -> None:
        self.told.append(("streamed", request_id, piece))

    def stream_ended(self, request_id: str, error_type: str, error_body: bytes) -> None:
        self._ended("stream ended", request_id, error_type, error_body)

    def other(
        self,
        method: bytes,
        path: bytes,
        headers: Mapping[bytes, bytes],
        body: bytes,
        reply: Callable[[bytes], None],
    ) -> bool:
        if self.answers_others:
            self.told.append(("other", method, path, dict(headers), body))
            reply(response(200, [], b"hi"))
        return self.answers_others

    def _ended(self, *event: object) -> None:
        self.told.append(event)
        self.events.put_nowait(event)
