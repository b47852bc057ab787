"""One sandbox as the engine holds it: its Runtime API endpoint, its processes, its freezing.

It turns what the runtime, the extensions and the backend do into calls of its owner, and it knows
nothing of the scheduler. Init is over, and so is an invocation, when the runtime and every
extension that has a part in it have asked for the next event ("Lambda execution environment
lifecycle", developer guide).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from emulator.core.messages import Anatomy
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.runtime_api.extensions import ShutdownReason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import Seconds
    from emulator.live.backends.interface import SandboxProcess
    from emulator.live.clock import LoopClock
    from emulator.live.runtime_api.extensions import Extensions
    from emulator.live.runtime_api.interface import RuntimeEndpoint, Work
    from emulator.live.runtime_api.telemetry import TelemetryApi
    from emulator.live.sandbox.dilation import SandboxCpu

_LAST_WORDS = 0.1
"""Seconds that an ended runtime's connections may take to be read to their end."""
_MEMORY_SAMPLE = 0.1
"""Seconds between two looks at a sandbox's memory: a look costs more than a warm invoke."""
_LAST_TELEMETRY = 0.2
"""Seconds that what is buffered may take to be delivered before the shutdown."""
_INTERNAL_GRACE = 0.5
"""Seconds from SIGTERM to SIGKILL where only internal extensions have registered."""
_EXTERNAL_GRACE = 2.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What an invocation took of its sandbox; zeros where the backend cannot tell."""

    max_memory_mb: int = 0
    """Peak anonymous memory of the sandbox so far."""
    throttled: Seconds = 0.0
    throttled_periods: int = 0


class SandboxOwner(Protocol):
    def init_began(self, sandbox: LiveSandbox) -> None: ...

    def sandbox_ready(self, sandbox: LiveSandbox, anatomy: Anatomy) -> None: ...

    def init_failed(self, sandbox: LiveSandbox, error_type: str) -> None: ...

    def answered(
        self, sandbox: LiveSandbox, request_id: str, body: bytes, error_type: str
    ) -> None: ...

    def finished(self, sandbox: LiveSandbox, request_id: str, error_type: str) -> None: ...

    def stream_began(
        self, request_id: str, content_type: str, hold: Callable[[bool], None]
    ) -> None: ...

    def streamed(self, request_id: str, piece: bytes) -> None: ...

    def stream_ended(
        self, sandbox: LiveSandbox, request_id: str, error_type: str, error_body: bytes
    ) -> None: ...

    def kept_busy(self, sandbox: LiveSandbox) -> None:
        """Its runtime is done with the invocation, and an extension is not."""

    def process_ended(self, sandbox: LiveSandbox, name: str, ended: Exit) -> None: ...

    def sandbox_exited(self, sandbox: LiveSandbox, ended: Exit) -> None: ...


class LiveSandbox:
    """Implements `RuntimeListener` towards its endpoint."""

    def __init__(
        self,
        sandbox: int,
        configuration: FunctionConfiguration,
        package: str,
        *,
        owner: SandboxOwner,
        clock: LoopClock,
        epoch_ms: Callable[[Seconds], int],
        cpu: SandboxCpu,
    ) -> None:
        self.id = sandbox
        self.configuration = configuration
        self.package = package
        self.init_error_body = b""
        self.crash = ""
        """The error type of its present breakdown, where an extension's end is one."""
        self.ending = False
        """Its stop or its own end is under way; whoever set this sees it through."""
        self.resetting = False
        self.after_reset: Callable[[], None] | None = None
        """Tells its caller of the failure that it is reset for."""
        self.endpoint: RuntimeEndpoint | None = None
        self.extensions: Extensions | None = None
        self.telemetry: TelemetryApi | None = None
        self.starting: asyncio.Task[None] | None = None
        self._owner = owner
        self._clock = clock
        self._epoch_ms = epoch_ms
        self._cpu = cpu
        self._process: SandboxProcess | None = None
        self._freezing: asyncio.TimerHandle | None = None
        self._frozen = False
        self._created_at = clock.now()
        self._began_at: Seconds | None = None
        """When the runtime that runs now was started, as far as this is known."""
        self._connected_at: Seconds = 0.0
        self._init_over = False
        self._first_init = True
        self._running: set[str] = set()
        """Names of the processes that run in it, as far as this is known."""
        self._begun: set[str] = set()
        """Names of those that were started since the last reset; none is started twice."""
        self._runtime_asked = False
        self._work: Work | None = None
        """Dispatched, and to be handed over when init is over."""
        self._current = ""
        """The request id of what the runtime runs."""
        self._error_type: str | None = None
        """Of its answer; None as long as there is none."""
        self._late_answer: tuple[asyncio.TimerHandle, str, bytes] | None = None
        """Came too early for the dilated time: its timer, error type and body."""
        self._dispatched_at: Seconds = 0.0
        self._max_memory_mb = 0
        self._memory_seen_at = float("-inf")
        self._throttled = (0, 0.0)
        self._ends_awaited: set[str] = set()
        """Names of those that its shutdown waits for."""
        self._all_ended = asyncio.Event()

    # what the engine does with it

    def started(self, process: SandboxProcess) -> None:
        self._process = process
        process.exited.add_done_callback(self._exited)
        self._running.update(self._external or (RUNTIME,))
        self._begun.update(self._running)
        if self._init_over:  # the runtime was faster than the backend's answer
            process.limit_cpu()
            return
        self._began_at = self._clock.now()
        self._owner.init_began(self)
        self.look()  # the extensions may have been faster, and the runtime waits for them

    @property
    def _external(self) -> tuple[str, ...]:
        return self.extensions.external if self.extensions is not None else ()

    @property
    def was_answered(self) -> bool:
        """Its runtime has posted the answer to what it runs."""
        return bool(self._current) and self._error_type is not None

    def dispatch(self, work: Work) -> None:
        if self._freezing is not None:
            self._freezing.cancel()
            self._freezing = None
        self._thaw()
        self._dispatched_at = self._clock.now()
        if self._init_over:
            self._hand_over(work)
        else:
            self._work = work
            self._begin_again()

    def _hand_over(self, work: Work) -> None:
        self._current, self._error_type = work.request_id, None
        self._runtime_asked = False
        if self.extensions is not None and self.extensions.has_any:
            self.extensions.invoke(
                work.request_id, work.deadline_ms, work.function_arn, work.trace_id
            )
        if self._cpu.dilated and self._process is not None:
            self._cpu.began(self._process, self._clock.now())
        assert self.endpoint is not None
        self.endpoint.dispatch(work)

    def _begin_again(self) -> None:
        """Init once more, within the invocation: under its CPU share and its timeout."""
        assert self._process is not None
        self._process.limit_cpu()
        self._began_at = self._clock.now()
        for name in self._external or (RUNTIME,):
            self._run(name)

    def _run(self, name: str) -> None:
        if self._process is not None and name not in self._begun:
            self._begun.add(name)
            self._running.add(name)
            self._process.run(name)

    def freeze_after(self, grace: Seconds) -> None:
        """Under load the next request comes within the grace, and nobody pays for a freeze."""
        self._freezing = self._clock.call_later(grace, self._freeze)

    def _freeze(self) -> None:
        self._freezing = None
        if self._process is not None and not self.ending and not self.resetting:
            self._frozen = True
            if self.telemetry is not None:
                self.telemetry.pause()
            self._process.freeze()

    def _thaw(self) -> None:
        if self._frozen and self._process is not None:
            self._frozen = False
            self._process.thaw()
            if self.telemetry is not None:
                self.telemetry.resume()

    def usage(self, *, exact: bool = True) -> Usage:
        """Of the invocation that runs or ended last; memory not older than a sample if not exact.

        Throttling is counted since the last call.
        """
        now, process = self._clock.now(), self._process
        if process is None:
            return Usage()
        if exact or now - self._memory_seen_at > _MEMORY_SAMPLE:
            self._memory_seen_at = now
            self._max_memory_mb = max(self._max_memory_mb, process.max_memory_mb())
        # a look is a good part of an invocation that is too short to have been throttled; what was
        # withheld from it all the same counts for the next one that is looked at
        if not exact and now - self._dispatched_at < self._cpu.quota_lasts:
            return Usage(self._max_memory_mb)
        before, self._throttled = self._throttled, process.throttled()
        periods, seconds = self._throttled
        throttled = (seconds - before[1]) / self._clock.dilation  # the kernel's are the machine's
        return Usage(self._max_memory_mb, throttled, periods - before[0])

    async def last_words(self) -> None:
        """Lets a response be read that the runtime sent just before it ended."""
        if self.endpoint is not None:
            await self.endpoint.drained(_LAST_WORDS)

    # its ends

    async def reset(self, reason: ShutdownReason) -> None:
        """Kills all that runs in it; extensions are told why first, and get their time."""
        self._cancel_freezing()
        self._thaw()
        await self._shut_down(reason)
        if self.endpoint is not None:
            self.endpoint.reset()
        if self._process is not None:
            await self._process.reset()
        if self.extensions is not None:
            self.extensions.reset()
        self._forget_late_answer()
        self._init_over = self._first_init = False
        self._runtime_asked = False
        self._running.clear()
        self._begun.clear()
        self._began_at = None
        self._work, self._current, self._error_type = None, "", None
        self.init_error_body, self.crash = b"", ""
        self._memory_seen_at = float("-inf")
        self.resetting = False

    async def close(self, *, gently: bool = True) -> None:
        """Ends the runtime if it lives, and takes away all that was made for it.

        Gently: extensions have their shutdown phase.
        """
        self.ending = True
        self._cancel_freezing()
        self._forget_late_answer()
        if gently:
            self._thaw()
            await self._shut_down(ShutdownReason.SPINDOWN)
        if self._process is not None:
            await self._process.stop()
        if self.endpoint is not None:
            await self.endpoint.close()
        if self.telemetry is not None:
            await self.telemetry.close()

    def _cancel_freezing(self) -> None:
        if self._freezing is not None:
            self._freezing.cancel()
            self._freezing = None

    async def _shut_down(self, reason: ShutdownReason) -> None:
        """The shutdown phase: none without extensions, else bounded by their kind."""
        extensions, process = self.extensions, self._process
        if extensions is None or not extensions.has_any or process is None:
            return
        grace = _EXTERNAL_GRACE if extensions.external else _INTERNAL_GRACE
        if RUNTIME in self._running:
            process.terminate(RUNTIME)
        if self.telemetry is not None:
            await self.telemetry.flush(_LAST_TELEMETRY)
        told = extensions.shutdown(reason, self._epoch_ms(self._clock.now() + grace))
        # who did not register for it has nothing to do before it is killed
        self._ends_awaited = self._running & (told | {RUNTIME})
        self._all_ended.clear()
        if self._ends_awaited and not process.exited.done():
            with suppress(TimeoutError):  # what is left is killed
                async with asyncio.timeout(grace * self._clock.dilation):
                    await self._all_ended.wait()

    # what the runtime does (RuntimeListener)

    def connected(self) -> None:
        self._connected_at = self._clock.now()

    def asked(self) -> None:
        self._runtime_asked = True
        self.look()

    def look(self) -> None:
        """The runtime or an extension did something that this may have waited for."""
        if self.resetting or self.ending:
            return
        extensions = self.extensions
        if extensions is not None and extensions.has_any:
            if not extensions.unregistered():
                self._run(RUNTIME)
            if extensions.awaited():
                if self._runtime_asked and self.was_answered:
                    self._owner.kept_busy(self)
                return
        if not self._runtime_asked:
            return
        if not self._init_over:
            self._end_init()
        elif self.was_answered:
            self._finish()

    def _end_init(self) -> None:
        self._init_over = True
        if self.extensions is not None:
            self.extensions.init_over()
        if self._process is not None:
            self._process.limit_cpu()
            if self._first_init:  # a dilated init has a quota, and is no part of an invocation
                self._throttled = self._process.throttled()
        self._owner.sandbox_ready(self, self._anatomy())
        work, self._work = self._work, None
        if work is not None and not self.resetting:
            self._hand_over(work)

    def _finish(self) -> None:
        request_id, error_type = self._current, self._error_type or ""
        self._current, self._error_type = "", None
        self._owner.finished(self, request_id, error_type)

    def finish_early(self) -> None:
        """Its runtime ended after it had answered: no further `next` will come."""
        if self._late_answer is not None:
            self._give_late_answer()
        if self.was_answered:
            self._finish()

    def _anatomy(self) -> Anatomy:
        now = self._clock.now()
        init = now - self._connected_at
        if not self._first_init:
            began = self._connected_at if self._began_at is None else self._began_at
            return Anatomy(connect=max(0.0, self._connected_at - began), init=init)
        if self._process is None or self._began_at is None:
            # the runtime was here before the backend said that it had started it
            return Anatomy(start=self._connected_at - self._created_at, init=init)
        dilation = self._clock.dilation  # the backend's seconds are the machine's
        create, start = self._process.create / dilation, self._process.start / dilation
        connect = max(0.0, self._connected_at - self._began_at)
        other = max(0.0, self._began_at - self._created_at - create - start)
        return Anatomy(create, start, connect, init, other)

    def init_failed(self, error_type: str, body: bytes) -> None:
        if not self._init_over and not self.resetting:
            self.init_error_body = body
            self._owner.init_failed(self, error_type)

    def extension_failed(self, error_type: str, body: bytes) -> None:
        """It reported so. Within an invocation its process ends next, which fails that."""
        self.init_failed(error_type, body)

    def responded(self, request_id: str, body: bytes) -> None:
        self._answer(request_id, body, "")

    def errored(self, request_id: str, error_type: str, body: bytes) -> None:
        self._answer(request_id, body, error_type or "Unhandled")

    def _answer(self, request_id: str, body: bytes, error_type: str) -> None:
        if request_id != self._current:
            return
        if self._cpu.dilated and self._process is not None:
            lag = self._cpu.lag(self._process, self._clock.now())
            timer = self._clock.call_later(lag, self._give_late_answer)
            self._late_answer = (timer, error_type, body)
            return
        self._error_type = error_type
        self._owner.answered(self, request_id, body, error_type)

    def _give_late_answer(self) -> None:
        assert self._late_answer is not None
        timer, self._error_type, body = self._late_answer
        timer.cancel()
        self._late_answer = None
        self._owner.answered(self, self._current, body, self._error_type)
        self.look()

    def _forget_late_answer(self) -> None:
        if self._late_answer is not None:
            self._late_answer[0].cancel()
            self._late_answer = None

    def stream_began(
        self, request_id: str, content_type: str, hold: Callable[[bool], None]
    ) -> None:
        self._owner.stream_began(request_id, content_type, hold)

    def streamed(self, request_id: str, piece: bytes) -> None:
        self._owner.streamed(request_id, piece)

    def stream_ended(self, request_id: str, error_type: str, error_body: bytes) -> None:
        if request_id == self._current:
            self._error_type = error_type
            self._owner.stream_ended(self, request_id, error_type, error_body)

    def other(
        self,
        method: bytes,
        path: bytes,
        headers: Mapping[bytes, bytes],
        body: bytes,
        reply: Callable[[bytes], None],
    ) -> bool:
        """A request that is not the runtime's; False where it is nobody's."""
        for api in (self.extensions, self.telemetry):
            if api is not None and api.answer(method, path, headers, body, reply):
                return True
        return False

    # what the backend sees

    def process_ended(self, name: str, ended: Exit) -> None:
        self._running.discard(name)
        self._ends_awaited.discard(name)
        if not self._ends_awaited:
            self._all_ended.set()
        if not self.resetting and not self.ending:
            self._owner.process_ended(self, name, ended)

    def _exited(self, exited: asyncio.Future[Exit]) -> None:
        self._all_ended.set()
        if not exited.cancelled() and not self.ending:
            self._owner.sandbox_exited(self, exited.result())
