"""Carries out what the gateway asks for, on real time and real sandboxes.

`Turns` tells the scheduler of events, `Commands` carries out what it decides, `SandboxLives` owns
the sandboxes and their tasks.

Time comes from the loop alone, so on a loop whose time jumps to its next timer, with a fake
backend, a run takes no real time and its journal equals the simulator's.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from emulator.core.messages.events import (
    CallerLeft,
    FunctionRecycled,
    HostMemoryMeasured,
    InvokeRequested,
    ProvisionedSet,
    ReservedConcurrencySet,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.network_path import NO_PASSAGE
from emulator.core.policy import InitCpu
from emulator.core.tenancy import tenant_fault
from emulator.errors import InvalidParameterValueError, ResourceNotFoundError
from emulator.live.commands import Commands
from emulator.live.deployments import Deployments, Prepared
from emulator.live.host_memory import HostMemory
from emulator.live.invocation import Call
from emulator.live.launcher import Launcher
from emulator.live.open_invocations import OpenInvocations
from emulator.live.packages import PackageKeeper
from emulator.live.request_id import new_request_id
from emulator.live.sandbox.environment import function_arn
from emulator.live.sandbox_lives import SandboxLives
from emulator.live.stem_cells import StemCellKeeper
from emulator.live.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import Sandbox, VersionKey
    from emulator.core.network_path import Passage
    from emulator.core.profile import Profile
    from emulator.core.provisioning import Provisioned
    from emulator.core.scheduler import Scheduler
    from emulator.host.memory_counters import MemoryCounters
    from emulator.live.backends.interface import Progress, SandboxBackend
    from emulator.live.clock import LoopClock
    from emulator.live.invocation import Outcome
    from emulator.live.platform_logger import PlatformLogger
    from emulator.live.recorder import Recorder
    from emulator.live.response_stream import ResponseStream
    from emulator.live.runtime_api.interface import RuntimeApi

log = logging.getLogger(__name__)


class Engine:
    """Runs invocations. Use from one event loop; `close` ends all that the engine began."""

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        backend: SandboxBackend,
        runtime_api: RuntimeApi,
        clock: LoopClock,
        recorder: Recorder,
        logger: PlatformLogger,
        profile: Profile,
        environment: Mapping[str, str] | None = None,
        init_cpu: InitCpu = InitCpu.BOOSTED,
        credentials: Callable[[FunctionConfiguration], Mapping[str, str]] | None = None,
        available_memory_mb: Callable[[], int] | None = None,
        weigh: Callable[[FunctionConfiguration, str], float] | None = None,
        freeze_grace: float = 0.01,
        new_request_id: Callable[[], str] = new_request_id,
    ) -> None:
        self._scheduler = scheduler
        self._backend = backend
        self._clock = clock
        self._launcher = Launcher(
            backend=backend,
            runtime_api=runtime_api,
            clock=clock,
            logger=logger,
            profile=profile,
            environment=environment or {},
            init_cpu=init_cpu,
            credentials=credentials,
        )
        self._turns = Turns(scheduler, clock, recorder)
        self._stem_cells = StemCellKeeper(backend, self._turns.apply)
        self._host_memory = HostMemory(available_memory_mb, clock)
        self._weigh = weigh
        self._new_request_id = new_request_id
        self._deployments = Deployments()
        self._invocations = OpenInvocations(logger, profile.response_limit)
        self._lives = SandboxLives(
            self._turns,
            self._launcher,
            scheduler=scheduler,
            deployments=self._deployments,
            invocations=self._invocations,
            logger=logger,
            clock=clock,
        )
        self._packages = PackageKeeper(backend, scheduler.sandboxes, self._lives.sandboxes)
        self._lives.taken_away = self._packages.sandbox_gone
        self._commands = Commands(
            self._lives,
            self._invocations,
            self._stem_cells,
            clock=clock,
            logger=logger,
            profile=profile,
            freeze_grace=freeze_grace,
        )
        self._turns.performer = self._commands

    # what the gateway asks for

    @property
    def functions(self) -> Mapping[VersionKey, FunctionConfiguration]:
        """Returns every deployed version's configuration."""
        return self._deployments.configurations

    @property
    def ever_deployed(self) -> list[FunctionConfiguration]:
        """Returns the configuration of every revision that was deployed, in that order."""
        return self._deployments.every

    def has(self, key: VersionKey) -> bool:
        """Returns whether a version is deployed; a look into a table."""
        return self._deployments.get(key) is not None

    def configuration(self, key: VersionKey) -> FunctionConfiguration | None:
        """Returns a version's configuration; None where the version is not deployed."""
        deployment = self._deployments.get(key)
        return None if deployment is None else deployment.configuration

    @property
    def sandboxes(self) -> Mapping[int, Sandbox]:
        """Returns the scheduler's view of every sandbox that is not gone; to be read only."""
        return self._scheduler.sandboxes

    def memory(self, sandbox: int) -> MemoryCounters | None:
        """Returns what the kernel counts of a sandbox's memory now; None where that is unknown."""
        live = self._lives.sandboxes.get(sandbox)
        return None if live is None else live.meter.counters()

    def now(self) -> float:
        """Returns the time on the engine's clock, in the emulated Lambda's seconds."""
        return self._clock.now()

    @property
    def dilation(self) -> float:
        """Returns how many of the machine's seconds are one of the emulated Lambda's."""
        return self._clock.dilation

    async def deploy(self, configuration: FunctionConfiguration, progress: Progress) -> None:
        """Makes the function's package and puts the version in the place of an earlier one.

        Raises:
            BuildError: the package cannot be made; an earlier deployment stays.
        """
        self.put(await self.prepare(configuration, progress))

    async def prepare(self, configuration: FunctionConfiguration, progress: Progress) -> Prepared:
        """Makes a version's package, for `put`; nothing that is deployed changes.

        Raises:
            BuildError: the package cannot be made.
            SnapshotError: the init failed, of which a snapshot was to be taken.
        """
        began = self._clock.now()
        package = await self._backend.deploy(configuration, progress)
        try:
            prepared = await self._prepared(configuration, package)
        except BaseException:
            self._packages.unasked(package)
            raise
        log.info("made %s in %.1f s", configuration.key, self._clock.now() - began)
        return prepared

    async def _prepared(self, configuration: FunctionConfiguration, package: str) -> Prepared:
        package_mb = 0.0
        if self._weigh is not None:
            package_mb = await asyncio.to_thread(self._weigh, configuration, package)
        snapshot = await self._launcher.snapshot(configuration, package)
        stem = self._stem_cells.runtime(configuration, package)
        snapshot_mb = self._launcher.snapshot_mb(snapshot)
        return Prepared(configuration, package, package_mb, snapshot, snapshot_mb, stem)

    def forget(self, prepared: Prepared) -> None:
        """Lets go what was made for a version that is not to be put after all."""
        self._launcher.drop(prepared.snapshot)
        self._packages.unasked(prepared.package)

    def put(self, prepared: Prepared) -> None:
        """Puts a version in the place of an earlier deployment, whose sandboxes end their work."""
        configuration = prepared.configuration
        if (earlier := self._deployments.get(configuration.key)) is not None:
            self._launcher.drop(earlier.snapshot)
        self._stem_cells.put(configuration.key, prepared.package)
        self._packages.put(configuration.key, prepared.package)
        snapshot = prepared.snapshot
        revision = self._deployments.add(configuration, prepared.package, snapshot).revision
        scheduled = configuration.scheduled(
            revision,
            prepared.package_mb,
            snapshot=bool(snapshot),
            stem=prepared.stem,
            snapshot_mb=prepared.snapshot_mb,
        )
        self._turns.apply(VersionDeployed(scheduled))
        if earlier is not None:
            self._packages.hold_earlier(earlier)
        limit = configuration.reserved_concurrency
        if limit is not None or revision > 0:
            self.reserve(configuration.scheduled_name, limit)
        if configuration.provisioned_concurrency:
            self.provision(configuration.key, configuration.provisioned_concurrency)

    def reserve(self, name: str, limit: int | None) -> None:
        """Sets the reserved concurrency of a function's scheduled name; None ends it."""
        self._turns.apply(ReservedConcurrencySet(name, limit))

    def provision(self, key: VersionKey, count: int) -> None:
        """Sets the provisioned concurrency of a deployed version; 0 ends it."""
        self._turns.apply(ProvisionedSet(key, count))

    def recycle(self, name: str) -> int:
        """Ends the sandboxes of a function's scheduled name, each after its work.

        Returns:
            The number of sandboxes that the function had; its next request starts a new one.
        """
        count = sum(sandbox.function.name == name for sandbox in self.sandboxes.values())
        self._turns.apply(FunctionRecycled(name))
        return count

    def provisioned(self, key: VersionKey) -> Provisioned:
        """Returns what stands ready of a version's provisioned concurrency."""
        return self._scheduler.provisioned(key)

    def retire(self, key: VersionKey) -> None:
        """Forgets a version, deployed or not; requests that came before end as they would have."""
        self._stem_cells.forget(key)
        self._packages.forget(key)
        if (deployment := self._deployments.get(key)) is None:
            return
        self._deployments.retire(key)
        self._launcher.drop(deployment.snapshot)
        self._turns.apply(VersionRetired(key))
        self._packages.hold_earlier(deployment)

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        """Takes which versions there are, deployed or not, so that what is kept for others goes."""
        self._stem_cells.keep_only(keys)
        self._packages.keep_only(keys)

    def invoke(
        self,
        key: VersionKey,
        payload: bytes,
        *,
        request_id: str = "",
        trace_id: str = "",
        client_context: str = "",
        stream: ResponseStream | None = None,
        tail: bool = False,
        passage: Passage = NO_PASSAGE,
        alias: str = "",
        arn: str = "",
        tenant: str = "",
    ) -> asyncio.Future[Outcome]:
        """Accepts an invocation; cancelling the future does not stop the invocation.

        A response that the runtime streams goes to `stream` where there is one, and the outcome's
        payload is empty then. With `tail` the outcome waits for the invocation's log, and has it.
        A `request_id` is given where the payload names the request already, and a `passage` where a
        network lies between the caller and this engine, which records what others wait for.
        `alias` is the one that led to the version, if any, and `arn` what the function is told it
        was asked for by; unless given, the version's own. A `tenant` goes with a version that is
        isolated by tenant.

        Raises:
            ResourceNotFoundError: no such version.
            InvalidParameterValueError: a tenant is missing, or is not asked for.
        """
        deployment = self._deployments.get(key)
        if deployment is None:
            raise ResourceNotFoundError(
                f"Function not found: {arn or function_arn(key.name, key.version)}"
            )
        if tenant or deployment.configuration.tenant_isolation:
            check_tenant(tenant, deployment.configuration)
        call = Call(
            request_id or self._new_request_id(),
            deployment.configuration.name,
            deployment.configuration.version,
            payload,
            asyncio.get_running_loop().create_future(),
            trace_id,
            client_context,
            arn or deployment.arn,
            tenant,
            stream=stream,
        )
        outcome = self._invocations.accept(call, tail=tail)
        if (available_mb := self._host_memory.news()) is not None:
            self._turns.apply(HostMemoryMeasured(available_mb))
        self._turns.apply(
            InvokeRequested(call.request_id, key, passage.network, passage.gateway, alias, tenant)
        )
        self._commands.accepted(call)
        return outcome

    def caller_left(self, outcome: asyncio.Future[Outcome]) -> None:
        """Takes that nobody seems to wait for an outcome; those whose callers wait go first."""
        if (request_id := self._commands.undispatched(outcome)) is not None:
            self._turns.apply(CallerLeft(request_id))

    async def close(self) -> None:
        """Ends every sandbox and task; invocations that still run are answered as failed starts.

        The backend stays open, since its owner closes it.
        """
        self._turns.close()
        await self._lives.close()
        await self._stem_cells.close()
        self._invocations.close()


def check_tenant(tenant: str, configuration: FunctionConfiguration) -> None:
    """Refuses a request that names no tenant where one is needed, or one in vain.

    Raises:
        InvalidParameterValueError: in AWS's words.
    """
    if fault := tenant_fault(tenant, per_tenant=configuration.tenant_isolation):
        raise InvalidParameterValueError(fault)
