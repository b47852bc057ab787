"""Makes a live sandbox and starts it: its endpoint, its environment, its place in the log.

The CPU quota is set when init ends, since AWS gives init at least one vCPU.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from emulator.core.failure_bodies import extension_failure_body
from emulator.live.backends.interface import CpuShare, SandboxSpec
from emulator.live.runtime_api.admission import Admission
from emulator.live.runtime_api.extensions import Extensions, FunctionIdentity
from emulator.live.runtime_api.telemetry import TelemetryApi
from emulator.live.sandbox.dilation import SandboxCpu
from emulator.live.sandbox.environment import ACCOUNT_ID, sandbox_environment
from emulator.live.sandbox.live_sandbox import LiveSandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile
    from emulator.live.backends.interface import SandboxBackend
    from emulator.live.clock import LoopClock
    from emulator.live.recorder import Recorder
    from emulator.live.runtime_api.extensions import ErrorPhase
    from emulator.live.runtime_api.interface import RuntimeApi
    from emulator.live.sandbox.live_sandbox import SandboxOwner


class Launcher:
    """`environment` is of every sandbox, unless its function has set the same variables."""

    def __init__(
        self,
        *,
        backend: SandboxBackend,
        runtime_api: RuntimeApi,
        clock: LoopClock,
        recorder: Recorder,
        profile: Profile,
        environment: Mapping[str, str],
    ) -> None:
        self._backend = backend
        self._runtime_api = runtime_api
        self._clock = clock
        self._recorder = recorder
        self._profile = profile
        self._environment = dict(environment)

    def sandbox(
        self, number: int, configuration: FunctionConfiguration, package: str, owner: SandboxOwner
    ) -> LiveSandbox:
        """A sandbox that is not started."""
        cpus = self._profile.visible_cpus(configuration.memory_mb)
        quota = self._profile.cpu_quota_us(configuration.memory_mb) / 1e6
        sandbox = LiveSandbox(
            number,
            configuration,
            package,
            owner=owner,
            clock=self._clock,
            epoch_ms=self._recorder.epoch_ms,
            cpu=SandboxCpu(quota, cpus, self._clock.dilation),
        )

        def failed(_name: str, error_type: str, phase: ErrorPhase) -> None:
            sandbox.extension_failed(error_type, extension_failure_body(error_type, phase))

        sandbox.extensions = Extensions(
            FunctionIdentity(
                configuration.name, configuration.version, configuration.handler, ACCOUNT_ID
            ),
            self._backend.extensions(package),
            lambda: str(uuid.uuid4()),
            sandbox.look,
            failed,
        )
        sandbox.telemetry = TelemetryApi(
            sandbox.extensions,
            lambda: sandbox.endpoint.peer if sandbox.endpoint is not None else "",
            lambda: self._recorder.epoch(self._clock.now()),
            lambda event: self._recorder.subscribed(number, event),
        )
        return sandbox

    async def start(self, sandbox: LiveSandbox, *, provisioned: bool) -> None:
        """
        Raises:
            SandboxStartError: the backend could not start it.
            OSError: no address is left for its Runtime API.
        """
        assert sandbox.telemetry is not None
        configuration = sandbox.configuration
        admission = Admission()
        endpoint = await self._runtime_api.open(
            self._backend.runtime_api_host, sandbox, admission.admits
        )
        sandbox.endpoint = endpoint
        stream = self._recorder.open_stream(
            configuration, sandbox.id, sandbox.telemetry, provisioned=provisioned
        )
        environment = self._environment | sandbox_environment(
            configuration,
            f"{self._backend.runtime_api_name}:{endpoint.port}",
            stream,
            initialization_type="provisioned-concurrency" if provisioned else "on-demand",
            profile=self._profile,
        )
        output = self._recorder.output(configuration.name, stream, sandbox.id)
        spec = self._spec(sandbox, environment)
        process = await self._backend.start(spec, output, sandbox.process_ended)
        admission.started(process)
        sandbox.started(process)

    def _spec(self, sandbox: LiveSandbox, environment: Mapping[str, str]) -> SandboxSpec:
        configuration, profile = sandbox.configuration, self._profile
        cpus = profile.visible_cpus(configuration.memory_mb)
        period = round(profile.cpu_period_us * self._clock.dilation)
        init = None
        quota = profile.cpu_quota_us(configuration.memory_mb)
        if self._clock.dilation > 1:
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
            visible_cpus=cpus,
            extensions=sandbox.extensions.external if sandbox.extensions is not None else (),
        )
