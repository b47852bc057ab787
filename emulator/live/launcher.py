"""Makes a live sandbox and starts it: its endpoint, its environment, its place in the log.

The CPU quota is set when init ends, since AWS gives init at least one vCPU, unless a user wants
to see what that makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.policy import InitCpu
from emulator.live.backends.interface import CpuShare, SandboxSpec
from emulator.live.runtime_api.admission import Admission
from emulator.live.sandbox.dilation import SandboxCpu
from emulator.live.sandbox.environment import sandbox_environment
from emulator.live.sandbox.live_sandbox import LiveSandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile
    from emulator.live.backends.interface import SandboxBackend
    from emulator.live.clock import LoopClock
    from emulator.live.platform_logger import PlatformLogger
    from emulator.live.runtime_api.interface import RuntimeApi
    from emulator.live.sandbox.live_sandbox import SandboxOwner


class Launcher:
    """Makes and starts sandboxes on one backend.

    `environment` is set in every sandbox, unless its function sets the same variables.
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
    ) -> None:
        self._backend = backend
        self._runtime_api = runtime_api
        self._clock = clock
        self._logger = logger
        self._profile = profile
        self._environment = dict(environment)
        self._init_cpu = init_cpu

    def make(
        self, number: int, configuration: FunctionConfiguration, package: str, owner: SandboxOwner
    ) -> LiveSandbox:
        """Makes a sandbox without starting it."""
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
        )

    async def start(self, sandbox: LiveSandbox, tenant: str = "", *, provisioned: bool) -> None:
        """Opens the sandbox's Runtime API and log stream, and starts its first process.

        A `tenant` that the sandbox serves alone is known to its log, and not to its init.

        Raises:
            SandboxStartError: the backend could not start the sandbox.
            OSError: no address is left for the Runtime API.
        """
        configuration = sandbox.configuration
        admission = Admission()
        endpoint = await self._runtime_api.open(
            self._backend.runtime_api_host, sandbox, admission.admits
        )
        sandbox.start_with(endpoint)
        stream = self._logger.open_stream(
            configuration, sandbox.id, sandbox.telemetry, provisioned=provisioned, tenant=tenant
        )
        environment = self._environment | sandbox_environment(
            configuration,
            f"{self._backend.runtime_api_name}:{endpoint.port}",
            stream,
            self._profile,
            initialization_type="provisioned-concurrency" if provisioned else "on-demand",
        )
        output = self._logger.output(configuration.name, stream, sandbox.id)
        spec = self._spec(sandbox, environment)
        process = await self._backend.start(spec, output, sandbox.process_ended)
        admission.started(process)
        sandbox.started(process)

    def _spec(self, sandbox: LiveSandbox, environment: Mapping[str, str]) -> SandboxSpec:
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
            extensions=sandbox.extensions.external,
        )
