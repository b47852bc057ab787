"""Hands invocations to a sandbox's runtime, and takes what runtime and extensions report.

What a report means depends on the sandbox's phase. Init is over, and so is an invocation, when the
runtime and every extension that has a part in it have asked for the next event ("Lambda execution
environment lifecycle", developer guide).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.failure_bodies import extension_failure_body
from emulator.live.backends.interface import RUNTIME
from emulator.live.sandbox.late_answer import LateAnswer
from emulator.live.sandbox.lifecycle import BROKEN_OFF, INITIALIZING, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.live.clock import LoopClock
    from emulator.live.runtime_api.extensions import ErrorPhase
    from emulator.live.runtime_api.interface import Work
    from emulator.live.sandbox.dilation import SandboxCpu
    from emulator.live.sandbox.initialization import Initialization
    from emulator.live.sandbox.live_sandbox import LiveSandbox
    from emulator.live.sandbox.owner import SandboxOwner


class SandboxRuntime:
    """Implements `RuntimeListener` towards the endpoint of one sandbox."""

    def __init__(
        self,
        sandbox: LiveSandbox,
        initialization: Initialization,
        *,
        owner: SandboxOwner,
        clock: LoopClock,
        cpu: SandboxCpu,
    ) -> None:
        self.init_error_body = b""
        """The body that the runtime or an extension gave with the error of the present init."""
        self._sandbox = sandbox
        self._life = sandbox.life
        self._parts = sandbox.parts
        self._initialization = initialization
        self._owner = owner
        self._clock = clock
        self._cpu = cpu
        self._asked = False
        """Whether the runtime has asked for its next work."""
        self._work: Work | None = None
        """The invocation that is handed over when the init within it is over."""
        self._current = ""
        """The request id of the invocation that runs."""
        self._error_type = ""
        """The error type of the answer."""
        self.late = LateAnswer(clock, self._give_late)
        """The answer that is held back, if one is."""

    # what the engine has the runtime do

    def hand_over(self, work: Work) -> None:
        """Hands an invocation to the runtime and to extensions, all of which wait for work."""
        self._life.move(Phase.RUNNING)
        self._current = work.request_id
        self._asked = False
        parts = self._parts
        if parts.extensions.has_any:
            parts.extensions.invoke(
                work.request_id, work.deadline_ms, work.function_arn, work.trace_id
            )
        if self._cpu.dilated and parts.process is not None:
            self._cpu.began(parts.process, self._clock.now())
        assert parts.endpoint is not None
        parts.endpoint.dispatch(work)

    def start_again(self, work: Work) -> None:
        """Runs an init after a reset, and then hands the invocation over that waits for it."""
        self._life.move(Phase.STARTING_AGAIN)
        self._work = work
        self._initialization.begin_again()

    def finish_early(self) -> None:
        """Ends an invocation whose runtime ended after its answer: no further `next` will come."""
        self.late.give()
        if self._life.phase is Phase.ANSWERED:
            self._finish()

    def was_reset(self) -> None:
        """Forgets the runtime that was killed, and its invocation."""
        self.late.forget()
        self._asked = False
        self._work, self._current, self._error_type = None, "", ""
        self.init_error_body = b""

    # what the runtime does (RuntimeListener)

    def connected(self) -> None:
        """Takes the runtime's first connection since its start."""
        self._initialization.times.connected()

    def asked(self) -> None:
        """Takes the runtime's request for work."""
        self._asked = True
        self.look()
        self._tell_if_busy()

    def _tell_if_busy(self) -> None:
        """Tells the owner where only an extension keeps the sandbox from its next invocation."""
        if self._asked and self._life.phase is Phase.ANSWERED:
            self._owner.stayed_busy(self._sandbox)

    def look(self) -> None:
        """Goes on with an init or an invocation, if runtime and extensions have done their part."""
        if self._life.phase in BROKEN_OFF:
            return
        extensions = self._parts.extensions
        if extensions.has_any:
            if not extensions.unregistered():
                self._initialization.run(RUNTIME)
            if extensions.awaited():
                return
        if not self._asked:
            return
        if self._life.phase in INITIALIZING:
            self._end_init()
        elif self._life.phase is Phase.ANSWERED:
            self._finish()

    def _end_init(self) -> None:
        anatomy = self._initialization.end()
        work, self._work = self._work, None
        self._owner.sandbox_ready(self._sandbox, anatomy)
        if work is not None and self._life.phase is Phase.READY:
            self.hand_over(work)

    def _finish(self) -> None:
        self._life.move(Phase.READY)
        request_id, error_type = self._current, self._error_type
        self._current, self._error_type = "", ""
        self._owner.finished(self._sandbox, request_id, error_type)

    def init_failed(self, error_type: str, body: bytes) -> None:
        """Takes the runtime's report that its init failed."""
        if self._life.phase in INITIALIZING:
            self.init_error_body = body
            self._owner.init_failed(self._sandbox, error_type)

    def extension_failed(self, _name: str, error_type: str, phase: ErrorPhase) -> None:
        """Takes an extension's report; within an invocation its process ends next, which fails."""
        self.init_failed(error_type, extension_failure_body(error_type, phase))

    def responded(self, request_id: str, body: bytes) -> None:
        """Takes the runtime's answer."""
        self._answer(request_id, body, "")

    def errored(self, request_id: str, error_type: str, body: bytes) -> None:
        """Takes the runtime's report that its handler raised."""
        self._answer(request_id, body, error_type or "Unhandled")

    def _answer(self, request_id: str, body: bytes, error_type: str) -> None:
        if request_id != self._current or self._life.phase is not Phase.RUNNING:
            return
        process = self._parts.process
        if self._cpu.dilated and process is not None:
            lag = self._cpu.lag(process, self._clock.now())
            self.late.hold(lag, body, error_type)
            return
        self._give(body, error_type)

    def _give(self, body: bytes, error_type: str) -> None:
        self._life.move(Phase.ANSWERED)
        self._error_type = error_type
        self._owner.answered(self._sandbox, self._current, body, error_type)

    def _give_late(self, body: bytes, error_type: str) -> None:
        if self._life.phase is Phase.RUNNING:
            self._give(body, error_type)
            self.look()
            self._tell_if_busy()

    def stream_began(
        self, request_id: str, content_type: str, hold: Callable[[bool], None]
    ) -> None:
        """Takes the head of a streamed answer; `hold` stops and resumes the reading of pieces."""
        self._owner.stream_began(request_id, content_type, hold)

    def streamed(self, request_id: str, piece: bytes) -> None:
        """Takes a piece of a streamed answer."""
        self._owner.streamed(request_id, piece)

    def stream_ended(self, request_id: str, error_type: str, error_body: bytes) -> None:
        """Takes the end of a streamed answer."""
        if request_id == self._current and self._life.phase is Phase.RUNNING:
            self._life.move(Phase.ANSWERED)
            told = self._owner.stream_ended(self._sandbox, request_id, error_type, error_body)
            self._error_type = told

    def other(
        self,
        method: bytes,
        path: bytes,
        headers: Mapping[bytes, bytes],
        body: bytes,
        reply: Callable[[bytes], None],
    ) -> bool:
        """Answers a request that is not the runtime's; returns False where no API knows it."""
        return any(
            api.answer(method, path, headers, body, reply)
            for api in (self._parts.extensions, self._parts.telemetry)
        )
