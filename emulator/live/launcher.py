"""Makes a live sandbox and starts it: its endpoint, its environment, its place in the log.

The CPU quota is set when init ends, since AWS gives init at least one vCPU, unless a user wants
to see what that makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.policy import InitCpu
from emulator.errors import NetworkLostError
from emulator.live.backends.sandbox_spec import CpuShare, SandboxSpec
from emulator.live.runtime_api.admission import Admission
from emulator.live.sandbox.dilation import SandboxCpu
from emulator.live.sandbox.environment import sandbox_environment
from emulator.live.sandbox.live_sandbox import LiveSandbox
from emulator.live.snapshots import SnapshotTaker
from emulator.telemetry.platform_events import InitializationType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile
    from emulator.live.backends.interface import SandboxBackend, SandboxProcess
    from emulator.live.backends.sandbox_spec import InnerListener
    from emulator.live.clock import LoopClock
    from emulator.live.platform_logger import PlatformLogger
    from emulator.live.runtime_api.interface import RuntimeApi, RuntimeEndpoint
    from emulator.live.sandbox.owner import SandboxOwner


class Launcher:
    """Makes and starts sandboxes on one backend.

    `environment` is set in every sandbox, unless its function sets the same variables;
    `credentials` returns the variables with those of a function's role.
    """

    def __init__(
        self,
        *,
        backend: SandboxBackend,
        runtime_api: RuntimeApi,
        clock: LoopClock,
        logger: PlatformLogger,
        profile: Profile,
        environment: Mapping[str, str],
        init_cpu: InitCpu = InitCpu.BOOSTED,
        credentials: Callable[[FunctionConfiguration], Mapping[str, str]] | None = None,
    ) -> None:
        self._backend = backend
        self._runtime_api = runtime_api
        self._clock = clock
        self._logger = logger
        self._profile = profile
        self._environment = dict(environment)
        self._init_cpu = init_cpu
        self._credentials = credentials
        self._snapshots = SnapshotTaker(backend, clock, logger, profile, self._environment_of)

    async def snapshot(self, configuration: FunctionConfiguration, package: str) -> str:
        """Takes a snapshot of a version's init where that is asked for and can be kept.

        Returns:
            The snapshot's name; empty where sandboxes start by running their init.

        Raises:
            SnapshotError: the init failed.
        """
        return await self._snapshots.take(configuration, package)

    def snapshot_mb(self, snapshot: str) -> int:
        """Returns the MB that a snapshot has; 0 where there is none, or that is unknown."""
        return self._snapshots.memory_mb(snapshot)

    def drop(self, snapshot: str) -> None:
        """Lets a snapshot go, once the last sandbox that came of it is gone."""
        self._snapshots.drop(snapshot)

    def make(
        self,
        number: int,
        configuration: FunctionConfiguration,
        package: str,
        owner: SandboxOwner,
        snapshot: str = "",
    ) -> LiveSandbox:
        """Makes a sandbox without starting it, to come of a `snapshot` unless that is empty."""
        cpus = self._profile.visible_cpus(configuration.memory_mb)
        quota = self._profile.cpu_quota_us(configuration.memory_mb) / 1e6
        return LiveSandbox(
            number,
            configuration,
            package,
            self._backend.extensions(package),
            owner=owner,
            clock=self._clock,
            epoch=self._logger.epoch,
            cpu=SandboxCpu(quota, cpus, self._clock.dilation),
            snapshot=snapshot,
        )

    async def start(
        self, sandbox: LiveSandbox, tenant: str = "", *, provisioned: bool, cell: int = 0
    ) -> None:
        """Opens the sandbox's Runtime API and log stream, and starts its first process.

        A `tenant` that the sandbox serves alone is known to its log, and not to its init. A stem
        cell becomes the sandbox unless `cell` is 0.

        Raises:
            SandboxStartError: the backend could not start the sandbox.
            OSError: no address is left for the Runtime API.
        """
        configuration = sandbox.configuration
        stream = self._logger.open_stream(
            configuration,
            sandbox.id,
            sandbox.parts.telemetry,
            _initialization(sandbox, provisioned=provisioned),
            tenant=tenant,
        )
        try:
            process = await self._begin(sandbox, stream, provisioned=provisioned, cell=cell)
        except NetworkLostError:
            process = await self._begin(sandbox, stream, provisioned=provisioned)
        sandbox.started(process)

    async def _begin(
        self, sandbox: LiveSandbox, stream: str, *, provisioned: bool, cell: int = 0
    ) -> SandboxProcess:
        configuration = sandbox.configuration
        admission = Admission()
        inner = await self._backend.listen_inside(sandbox.snapshot, cell)
        endpoint, dial = await self._endpoint(sandbox, inner, admission)
        sandbox.start_with(endpoint)
        environment = self._environment_of(
            configuration, dial, stream, _initialization(sandbox, provisioned=provisioned)
        )
        output = self._logger.output(configuration.name, stream, sandbox.id)
        spec = self._spec(sandbox, environment, inner, cell)
        try:
            process = await self._backend.start(spec, output, sandbox.process_ended)
        except NetworkLostError:
            await endpoint.close()
            raise
        admission.started(process)
        return process

    def _environment_of(
        self,
        configuration: FunctionConfiguration,
        dial: str,
        stream: str,
        initialization: InitializationType,
    ) -> dict[str, str]:
        return self._environment | sandbox_environment(
            configuration,
            dial,
            stream,
            self._profile,
            # the runtime runs its hooks, restored or not
            initialization_type=InitializationType.SNAP_START
            if configuration.takes_snapshot
            else initialization,
            credentials=None if self._credentials is None else self._credentials(configuration),
        )

    async def _endpoint(
        self, sandbox: LiveSandbox, inner: InnerListener | None, admission: Admission
    ) -> tuple[RuntimeEndpoint, str]:
        """Opens the sandbox's Runtime API, and says what the sandbox dials."""
        api, backend = self._runtime_api, self._backend
        if inner is None:
            endpoint = await api.open(backend.runtime_api_host, sandbox.runtime, admission.admits)
            return endpoint, f"{backend.runtime_api_name}:{endpoint.port}"
        try:
            return await api.open_at(inner.socket, inner.address, sandbox.runtime), inner.dial
        except BaseException:
            backend.give_up(inner)
            raise

    def _spec(
        self,
        sandbox: LiveSandbox,
        environment: Mapping[str, str],
        inner: InnerListener | None,
        cell: int,
    ) -> SandboxSpec:
        configuration, profile = sandbox.configuration, self._profile
        period = round(profile.cpu_period_us * self._clock.dilation)
        quota = profile.cpu_quota_us(configuration.memory_mb)
        init = None
        if self._init_cpu is InitCpu.SHARE:
            init = CpuShare(quota, period)
        elif self._clock.dilation > 1:
            # an Nth of one vCPU, as most of an init is one thread: a share of several would let
            # that run at their sum
            init = CpuShare(max(quota, profile.cpu_period_us), period)
        return SandboxSpec(
            sandbox.id,
            sandbox.package,
            configuration,
            environment,
            CpuShare(quota, period),
            init_cpu=init,
            tmp_mb=configuration.ephemeral_storage_mb,
            visible_cpus=profile.visible_cpus(configuration.memory_mb),
            inner=inner,
            snapshot=sandbox.snapshot,
            cell=cell,
            extensions=sandbox.parts.extensions.external,
        )


def _initialization(sandbox: LiveSandbox, *, provisioned: bool) -> InitializationType:
    if provisioned:
        return InitializationType.PROVISIONED_CONCURRENCY
    return InitializationType.SNAP_START if sandbox.snapshot else InitializationType.ON_DEMAND
