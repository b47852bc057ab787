"""One sandbox as the engine holds it: its Runtime API endpoint, its process, its freezing.

It turns what the runtime and the backend do into calls of its owner, and it knows nothing of
the scheduler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from emulator.core.messages import Anatomy

if TYPE_CHECKING:
    import asyncio

    from emulator.core.catalog import FunctionConfiguration
    from emulator.core.model import Seconds
    from emulator.live.backend import Exit, SandboxProcess
    from emulator.live.clock import LoopClock
    from emulator.live.runtime_api import RuntimeEndpoint, Work

_LAST_WORDS = 0.1
"""Seconds that an ended runtime's connections may take to be read to their end."""
_MEMORY_SAMPLE = 0.1
"""Seconds between two looks at a sandbox's memory: a look costs more than a warm invoke."""


class SandboxOwner(Protocol):
    def sandbox_ready(self, sandbox: LiveSandbox, anatomy: Anatomy) -> None: ...

    def init_failed(self, sandbox: LiveSandbox, error_type: str) -> None: ...

    def finished(
        self, sandbox: LiveSandbox, request_id: str, body: bytes, error_type: str
    ) -> None: ...

    def sandbox_exited(self, sandbox: LiveSandbox, ended: Exit) -> None: ...


class LiveSandbox:
    """Implements `RuntimeListener` towards its endpoint."""

    def __init__(
        self,
        sandbox: int,
        configuration: FunctionConfiguration,
        package: str,
        owner: SandboxOwner,
        clock: LoopClock,
    ) -> None:
        self.id = sandbox
        self.configuration = configuration
        self.package = package
        self.init_error_body = b""
        self.ending = False
        """Its stop or its own end is under way; whoever set this sees it through."""
        self.endpoint: RuntimeEndpoint | None = None
        self.starting: asyncio.Task[None] | None = None
        self._owner = owner
        self._clock = clock
        self._process: SandboxProcess | None = None
        self._freezing: asyncio.TimerHandle | None = None
        self._frozen = False
        self._init_over = False
        self._created_at = clock.now()
        self._connected_at: Seconds = 0.0
        self._max_memory_mb = 0
        self._memory_seen_at = float("-inf")

    def started(self, process: SandboxProcess) -> None:
        self._process = process
        process.exited.add_done_callback(self._exited)
        if self._init_over:  # the runtime was faster than the engine's answer
            process.limit_cpu()

    def dispatch(self, work: Work) -> None:
        if self._freezing is not None:
            self._freezing.cancel()
            self._freezing = None
        if self._frozen and self._process is not None:
            self._frozen = False
            self._process.thaw()
        assert self.endpoint is not None
        self.endpoint.dispatch(work)

    def freeze_after(self, grace: Seconds) -> None:
        """Under load the next request comes within the grace, and nobody pays for a freeze."""
        self._freezing = self._clock.call_later(grace, self._freeze)

    def _freeze(self) -> None:
        self._freezing = None
        if self._process is not None and not self.ending:
            self._frozen = True
            self._process.freeze()

    def max_memory_mb(self) -> int:
        """Peak anonymous memory in MB, not older than the last sample."""
        now = self._clock.now()
        if self._process is not None and now - self._memory_seen_at > _MEMORY_SAMPLE:
            self._memory_seen_at = now
            self._max_memory_mb = self._process.max_memory_mb()
        return self._max_memory_mb

    async def last_words(self) -> None:
        """Lets a response be read that the runtime sent just before it ended."""
        if self.endpoint is not None:
            await self.endpoint.drained(_LAST_WORDS)

    async def close(self) -> None:
        """Ends the runtime if it lives, and takes away all that was made for it."""
        self.ending = True
        if self._freezing is not None:
            self._freezing.cancel()
        if self._process is not None:
            await self._process.stop()
        if self.endpoint is not None:
            await self.endpoint.close()

    # what the runtime does (RuntimeListener)

    def connected(self) -> None:
        self._connected_at = self._clock.now()

    def ready(self) -> None:
        self._init_over = True
        if self._process is not None:
            self._process.limit_cpu()
        self._owner.sandbox_ready(self, self._anatomy())

    def _anatomy(self) -> Anatomy:
        before = self._connected_at - self._created_at
        init = self._clock.now() - self._connected_at
        if self._process is None:
            # the runtime was here before the engine said that it had started it
            return Anatomy(start=before, init=init)
        create, start = self._process.create, self._process.start
        return Anatomy(create, start, max(0.0, before - create - start), init)

    def init_failed(self, error_type: str, body: bytes) -> None:
        self.init_error_body = body
        self._owner.init_failed(self, error_type)

    def responded(self, request_id: str, body: bytes) -> None:
        self._owner.finished(self, request_id, body, "")

    def errored(self, request_id: str, error_type: str, body: bytes) -> None:
        self._owner.finished(self, request_id, body, error_type or "Unhandled")

    # what the backend sees

    def _exited(self, exited: asyncio.Future[Exit]) -> None:
        if not exited.cancelled() and not self.ending:
            self._owner.sandbox_exited(self, exited.result())
