"""Sandboxes that do what a service model says, and an in-memory Runtime API to say it through.

It stands where Docker or processes stand: it knows nothing of the scheduler or the journal. Time
passes on the running loop alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from emulator.errors import SandboxStartError
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.sim.behaviour import Outcome
from tests.live.unmeasured import KILLED, PackagelessBackend, UnmeasuredProcess

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import Seconds, VersionKey
    from emulator.live.backends.interface import Output, ProcessEnded, Progress
    from emulator.live.backends.sandbox_spec import SandboxSpec
    from emulator.live.runtime_api.interface import Admits, RuntimeListener, Work
    from emulator.sim.behaviour import Answer, Start
    from emulator.sim.service import ServiceModel


class FakeRuntimeApi:
    """Knows by its port which sandbox dials.

    `last_words` is how long the connections of a runtime that ended take to be read to their end.
    """

    def __init__(self, last_words: Seconds = 0.0) -> None:
        self.last_words = last_words
        self.endpoints: dict[int, FakeEndpoint] = {}
        self._last_port = 0

    async def open(
        self,
        host: str,  # noqa: ARG002
        listener: RuntimeListener,
        admits: Admits | None = None,  # noqa: ARG002  # nobody dials
    ) -> FakeEndpoint:
        self._last_port += 1
        endpoint = FakeEndpoint(self, self._last_port, listener)
        self.endpoints[endpoint.port] = endpoint
        return endpoint

    async def open_at(
        self, bound: socket.socket, address: str, listener: RuntimeListener
    ) -> FakeEndpoint:
        raise AssertionError((bound, address, listener))


class FakeEndpoint:
    def __init__(self, api: FakeRuntimeApi, port: int, listener: RuntimeListener) -> None:
        self.port = port
        self.listener = listener
        self.process: FakeProcess | None = None
        self._api = api

    def dispatch(self, work: Work) -> None:
        assert self.process is not None
        self.process.work(work)

    def reset(self) -> None:
        pass

    async def drained(self, timeout: float) -> None:  # noqa: ASYNC109
        await asyncio.sleep(min(self._api.last_words, timeout))

    async def close(self) -> None:
        self._api.endpoints.pop(self.port, None)


class FakeProcess(UnmeasuredProcess):
    """A runtime that lives on timers: connect, init, then an answer to each request."""

    def __init__(
        self,
        spec: SandboxSpec,
        planned: Start,
        service: ServiceModel,
        endpoint: FakeEndpoint,
        ended: ProcessEnded,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.create, self.start = planned.anatomy.create, planned.anatomy.start
        self.exited: asyncio.Future[Exit] = self._loop.create_future()
        self.limited = False
        self._function = spec.configuration.name
        self._sandbox = spec.sandbox
        self._service = service
        self._listener = endpoint.listener
        self._ended = ended
        self._first = True
        self._resets = 0
        self._max_memory_mb = 0
        endpoint.process = self
        self._begin(planned)

    def _begin(self, planned: Start) -> None:
        self._planned = planned
        self._timer = self._loop.call_later(planned.anatomy.connect, self._connect)

    def _connect(self) -> None:
        self._listener.connected()
        self._timer = self._loop.call_later(self._planned.anatomy.init, self._end_init)

    def _end_init(self) -> None:
        match self._planned.outcome:
            case Outcome.OK:
                self._listener.asked()
            case Outcome.ERROR:
                self._listener.init_failed(self._planned.error_type, b'{"errorType":"fake"}')
            case Outcome.EXIT | Outcome.OUT_OF_MEMORY:
                self._exit(self._planned)

    def work(self, work: Work) -> None:
        assert self.limited, "a request came before its CPU share"
        assert not self.frozen, "a request came to a frozen sandbox"
        answer = self._service.answer(self._function, work.request_id, first=self._first)
        self._first = False
        self._timer = self._loop.call_later(answer.duration, self._answer, work, answer)

    def _answer(self, work: Work, answer: Answer) -> None:
        match answer.outcome:
            case Outcome.OK:
                self._max_memory_mb = answer.max_memory_mb
                self._listener.responded(work.request_id, work.payload)
                self._ask_after(answer)
            case Outcome.ERROR:
                self._max_memory_mb = answer.max_memory_mb
                self._listener.errored(work.request_id, answer.error_type, b"{}")
                self._ask_after(answer)
            case Outcome.EXIT | Outcome.OUT_OF_MEMORY:
                self._exit(answer)

    def _ask_after(self, answer: Answer) -> None:
        """A runtime asks for its next work a while after its answer."""
        if answer.ask:
            self._timer = self._loop.call_later(answer.ask, self._listener.asked)
        else:
            self._listener.asked()

    def _exit(self, end: Start | Answer) -> None:
        starved = end.outcome is Outcome.OUT_OF_MEMORY
        self._ended(RUNTIME, Exit(end.exit_code, starved))

    # what the engine asks for

    def run(self, name: str) -> None:
        assert name == RUNTIME
        assert not self.frozen
        self._first = True
        self._begin(self._service.restart(self._function, self._sandbox, self._resets))

    async def reset(self) -> None:
        self._timer.cancel()
        self._resets += 1
        assert not self.frozen
        await asyncio.sleep(self._service.reset(self._function, self._sandbox, self._resets))

    def limit_cpu(self) -> None:
        self.limited = True

    def max_memory_mb(self) -> int:
        return self._max_memory_mb

    async def stop(self) -> None:
        self._timer.cancel()
        if not self.exited.done():
            await asyncio.sleep(self._service.stop(self._function, self._sandbox))
        if not self.exited.done():
            self.exited.set_result(Exit(KILLED))


class FakeStemCells:
    """Makes cells that take as long as the service model says."""

    def __init__(self, service: ServiceModel) -> None:
        self._service = service
        self.cells: set[int] = set()

    def runtime(self, configuration: FunctionConfiguration, package: str) -> str:  # noqa: ARG002
        return configuration.runtime

    async def make(
        self,
        cell: int,
        runtime: str,  # noqa: ARG002
        ended: Callable[[], None],  # noqa: ARG002
    ) -> int:
        await asyncio.sleep(self._service.stem_cell(cell))
        self.cells.add(cell)
        return 0

    def drop(self, cell: int) -> None:
        self.cells.discard(cell)

    def put(self, key: VersionKey, package: str) -> None:
        pass

    def forget(self, key: VersionKey) -> None:
        pass

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        pass


class FakePackages:
    """Knows who needs which package, and removes none."""

    def __init__(self) -> None:
        self.versions: dict[VersionKey, str] = {}
        self.held: Counter[str] = Counter()

    def needed(self) -> set[str]:
        return {*self.versions.values(), *(+self.held)}

    def unasked(self, package: str) -> None:
        pass

    def put(self, key: VersionKey, package: str) -> None:
        self.versions[key] = package

    def forget(self, key: VersionKey) -> None:
        self.versions.pop(key, None)

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        pass

    def hold(self, package: str) -> None:
        self.held[package] += 1

    def release(self, package: str) -> None:
        assert self.held[package] > 0
        self.held[package] -= 1


class FakeBackend(PackagelessBackend):
    packages: FakePackages
    name = "fake"
    runtime_api_host = "fake"
    runtime_api_name = "fake"

    def __init__(self, service: ServiceModel, runtime_api: FakeRuntimeApi) -> None:
        self.stem_cells = FakeStemCells(service)
        self.packages = FakePackages()
        self.processes: list[FakeProcess] = []
        self._service = service
        self._runtime_api = runtime_api

    async def open(self) -> None:
        pass

    async def deploy(self, configuration: FunctionConfiguration, progress: Progress) -> str:  # noqa: ARG002
        return configuration.code or configuration.name

    async def start(
        self,
        spec: SandboxSpec,
        output: Output,  # noqa: ARG002
        ended: ProcessEnded,
    ) -> FakeProcess:
        function = spec.configuration.name
        specialised = spec.cell > 0
        if specialised:
            self.stem_cells.cells.remove(spec.cell)
        planned = self._service.start(function, spec.sandbox, specialised=specialised)
        try:
            await asyncio.sleep(planned.anatomy.create)
            if planned.outcome is Outcome.START_FAILED:
                raise SandboxStartError("the fake was told to fail")
            await asyncio.sleep(planned.anatomy.start)
        except asyncio.CancelledError:
            # what was made until then is taken away, which takes as long as any stop
            await asyncio.sleep(self._service.stop(function, spec.sandbox))
            raise
        port = int(spec.environment["AWS_LAMBDA_RUNTIME_API"].partition(":")[2])
        endpoint = self._runtime_api.endpoints[port]
        process = FakeProcess(spec, planned, self._service, endpoint, ended)
        self.processes.append(process)
        return process
