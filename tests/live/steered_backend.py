"""A backend whose sandboxes take each step when a test says so: every interleaving can be had.

`steps` lists what could happen next, each with a name; a test picks one of them.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

from emulator.errors import SandboxStartError
from emulator.live.backends.interface import RUNTIME, Exit
from tests.live.unmeasured import KILLED, PackagelessBackend, UnmeasuredProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.live.backends.interface import Output, ProcessEnded
    from emulator.live.backends.sandbox_spec import SandboxSpec
    from emulator.live.runtime_api.interface import Admits, RuntimeListener, Work

Steps = dict[str, "Callable[[], None]"]


class Runtime(Enum):
    """Names what a runtime does."""

    GONE = auto()
    BOOTING = auto()
    CONNECTED = auto()
    ASKING = auto()
    WORKING = auto()
    STREAMING = auto()
    ANSWERED = auto()


class SteeredSandbox(UnmeasuredProcess):
    """Implements `SandboxProcess` and, for its runtime, `RuntimeEndpoint`."""

    peer = ""

    def __init__(self, listener: RuntimeListener, port: int) -> None:
        self.port = port
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.runtime = Runtime.GONE
        self.stopped = self.closed = False
        self.launch: asyncio.Future[None] | None = None
        self.answers: dict[str, bytes] = {}
        """What the runtime has answered, by request id."""
        self._listener = listener
        self._work: Work | None = None
        self._early: Work | None = None
        self._ended: ProcessEnded = lambda *_: None
        self._waits: list[asyncio.Future[None]] = []
        """A reset or a stop that goes on."""

    # what may happen next

    def steps(self) -> Steps:
        if self.launch is not None and not self.launch.done():
            return {"start": self._start, "fail to start": self._fail_to_start}
        found: Steps = {}
        if any(not wait.done() for wait in self._waits):
            found["go on"] = self._go_on
        if not self.exited.done() and self.launch is not None and not self.stopped:
            found["die"] = self._die
            if not self.frozen and not found.keys() & {"go on"}:
                found |= self._of_the_runtime()
        return found

    def _of_the_runtime(self) -> Steps:
        moves: dict[Runtime, Steps] = {
            Runtime.BOOTING: {"connect": self._connect},
            Runtime.CONNECTED: {"ask": self._ask, "fail init": self._fail_init},
            Runtime.WORKING: {
                "respond": self._respond,
                "err": self._err,
                "stream": self._begin_stream,
            },
            Runtime.STREAMING: {"end stream": self._end_stream, "break stream": self._break_stream},
            Runtime.ANSWERED: {"ask": self._ask},
        }
        if self.runtime is Runtime.GONE:
            return {}
        return {"exit": self._exit, "starve": self._starve} | moves.get(self.runtime, {})

    def _start(self) -> None:
        assert self.launch is not None
        self.launch.set_result(None)
        self.runtime = Runtime.BOOTING

    def _fail_to_start(self) -> None:
        assert self.launch is not None
        self.launch.set_exception(SandboxStartError("the test says so"))

    def _go_on(self) -> None:
        next(wait for wait in self._waits if not wait.done()).set_result(None)

    def _die(self) -> None:
        self.runtime = Runtime.GONE
        self.exited.set_result(Exit(KILLED))

    def _exit(self) -> None:
        self.runtime = Runtime.GONE
        self._ended(RUNTIME, Exit(1))

    def _starve(self) -> None:
        self.runtime = Runtime.GONE
        self._ended(RUNTIME, Exit(KILLED, out_of_memory=True))

    def _connect(self) -> None:
        self.runtime = Runtime.CONNECTED
        self._listener.connected()

    def _ask(self) -> None:
        self.runtime = Runtime.ASKING
        early, self._early = self._early, None
        self._listener.asked()
        if early is not None:
            self.dispatch(early)

    def _fail_init(self) -> None:
        self.runtime = Runtime.GONE
        self._listener.init_failed("Runtime.Unknown", b"{}")

    def _taken(self) -> Work:
        work, self._work = self._work, None
        assert work is not None
        self.runtime = Runtime.ANSWERED
        return work

    def _respond(self) -> None:
        work = self._taken()
        self.answers[work.request_id] = work.payload
        self._listener.responded(work.request_id, work.payload)

    def _err(self) -> None:
        work = self._taken()
        self.answers[work.request_id] = b"error " + work.payload
        self._listener.errored(work.request_id, "Error", b"error " + work.payload)

    def _begin_stream(self) -> None:
        assert self._work is not None
        self.runtime = Runtime.STREAMING
        self._listener.stream_began(self._work.request_id, "text/plain", lambda _: None)
        self._listener.streamed(self._work.request_id, self._work.payload)

    def _end_stream(self) -> None:
        work = self._taken()
        self.answers[work.request_id] = work.payload
        self._listener.stream_ended(work.request_id, "", b"")

    def _break_stream(self) -> None:
        self._listener.stream_ended(self._taken().request_id, "Broken", b"{}")

    # what the engine asks of the endpoint

    def dispatch(self, work: Work) -> None:
        assert not self.frozen, "work came to a frozen sandbox"
        if self.runtime is not Runtime.ASKING:
            assert self._early is None, "two invocations at once"
            self._early = work
            return
        self._work = work
        self.runtime = Runtime.WORKING

    async def drained(self, timeout: float) -> None:  # noqa: ASYNC109
        pass

    async def close(self) -> None:
        self.closed = True

    # what the engine asks of the process; `reset` is the endpoint's and the process's

    def run(self, name: str) -> None:
        assert name == RUNTIME
        assert not self.frozen
        if self.runtime is Runtime.GONE:
            self.runtime = Runtime.BOOTING

    async def kill_all(self) -> None:
        self.runtime = Runtime.GONE
        self._work = self._early = None
        await self._until_told()

    async def stop(self) -> None:
        self.stopped = True
        self.runtime = Runtime.GONE
        if not self.exited.done():
            await self._until_told()
        if not self.exited.done():
            self.exited.set_result(Exit(KILLED))

    async def _until_told(self) -> None:
        wait: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waits.append(wait)
        await asyncio.wait([wait, self.exited], return_when="FIRST_COMPLETED")
        if not wait.done():
            wait.cancel()

    def launched_with(self, ended: ProcessEnded) -> None:
        self._ended = ended


class SteeredProcess:
    """Is a sandbox as a `SandboxProcess`, whose `reset` is another than the endpoint's."""

    def __init__(self, sandbox: SteeredSandbox) -> None:
        self._sandbox = sandbox

    def __getattr__(self, name: str) -> object:
        return getattr(self._sandbox, name)

    async def reset(self) -> None:
        await self._sandbox.kill_all()


class SteeredEndpoint:
    """Is a sandbox as a `RuntimeEndpoint`."""

    def __init__(self, sandbox: SteeredSandbox) -> None:
        self._sandbox = sandbox

    def __getattr__(self, name: str) -> object:
        return getattr(self._sandbox, name)

    def reset(self) -> None:
        pass


class SteeredBackend(PackagelessBackend):
    """Implements `SandboxBackend` and `RuntimeApi`."""

    name = "steered"
    runtime_api_host = runtime_api_name = "steered"

    def __init__(self) -> None:
        self.sandboxes: list[SteeredSandbox] = []

    def steps(self) -> Steps:
        """Returns what could happen next, by names that tell the sandbox."""
        return {
            f"sandbox {sandbox.port}: {name}": step
            for sandbox in self.sandboxes
            for name, step in sandbox.steps().items()
        }

    async def open(
        self,
        host: str = "",  # noqa: ARG002
        listener: RuntimeListener | None = None,
        admits: Admits | None = None,  # noqa: ARG002
    ) -> SteeredEndpoint:
        assert listener is not None
        sandbox = SteeredSandbox(listener, len(self.sandboxes) + 1)
        self.sandboxes.append(sandbox)
        return SteeredEndpoint(sandbox)

    async def start(
        self,
        spec: SandboxSpec,
        output: Output,  # noqa: ARG002
        ended: ProcessEnded,
    ) -> SteeredProcess:
        port = int(spec.environment["AWS_LAMBDA_RUNTIME_API"].partition(":")[2])
        sandbox = self.sandboxes[port - 1]
        sandbox.launched_with(ended)
        sandbox.launch = asyncio.get_running_loop().create_future()
        try:
            await sandbox.launch
        except BaseException:
            sandbox.stopped = True
            if not sandbox.exited.done():
                sandbox.exited.set_result(Exit(KILLED))
            raise
        return SteeredProcess(sandbox)
