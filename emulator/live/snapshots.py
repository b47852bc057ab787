"""Takes the snapshots of SnapStart when versions are published, and tells their log of it.

What a snapshot is, the backend knows; who has one is the engine's to remember. Source: "Improving
startup performance with Lambda SnapStart" and its pages, developer guide.
"""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Protocol

from emulator.errors import SnapshotError
from emulator.live.backends.limitations import Limitation
from emulator.live.backends.sandbox_spec import CpuShare, SandboxSpec
from emulator.telemetry.platform_events import InitializationType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile
    from emulator.live.backends.interface import SandboxBackend
    from emulator.live.clock import LoopClock
    from emulator.live.platform_logger import PlatformLogger

log = logging.getLogger(__name__)

_NOBODY = "127.0.0.1:9001"
"""Lambda's own address of the Runtime API, on which nothing listens while a snapshot is taken."""
_LEAST_LIMIT = 130.0
"""Seconds that an init before a snapshot may take, or the function's timeout where that is longer
("Lambda SnapStart runtime hooks for Python", developer guide)."""
_NO_SNAPSHOTS = {
    "an extension": "extensions run beside the runtime, and cannot be restored with it",
    "a runtime": "only the runtime of Python can be kept and restored here",
}


class _Environment(Protocol):
    def __call__(
        self,
        configuration: FunctionConfiguration,
        dial: str,
        stream: str,
        initialization: InitializationType,
    ) -> Mapping[str, str]: ...


class SnapshotTaker:
    """Takes snapshots on one backend; `environment` makes that of an init."""

    def __init__(
        self,
        backend: SandboxBackend,
        clock: LoopClock,
        logger: PlatformLogger,
        profile: Profile,
        environment: _Environment,
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._logger = logger
        self._profile = profile
        self._environment = environment
        self._numbers = itertools.count(1)

    async def take(self, configuration: FunctionConfiguration, package: str) -> str:
        """Returns the name of a version's new snapshot; empty where there is none.

        Raises:
            SnapshotError: the init failed.
        """
        snapshots = self._backend.snapshots
        if not configuration.takes_snapshot:
            return ""
        if why := self._obstacle(configuration, package):
            log.warning(
                "%s has SnapStart and starts by running its init: %s", configuration.arn, why
            )
            return ""
        assert snapshots is not None
        number = next(self._numbers)
        log_of_init = self._logger.open_snapshot(configuration, number)
        name = f"{configuration.key}:{number}"
        environment = self._environment(
            configuration, _NOBODY, log_of_init.stream, InitializationType.SNAP_START
        )
        limit = max(_LEAST_LIMIT, configuration.timeout)
        began = self._clock.now()
        fault = ""
        try:
            await snapshots.take(
                self._spec(configuration, package, environment, name), log_of_init.output, limit
            )
        except SnapshotError as error:
            fault = error.code
            if not error.code:
                log.warning("%s starts by running its init: %s", configuration.arn, error)
                return ""
            raise
        finally:
            log_of_init.close(self._clock.now() - began, fault)
        return name

    def _obstacle(self, configuration: FunctionConfiguration, package: str) -> str:
        """Returns why a version has no snapshot, as half a sentence; empty if it can."""
        if self._backend.snapshots is None:
            return self._backend.unenforced.get(Limitation.NO_SNAPSHOTS, "nothing can be kept here")
        if self._backend.extensions(package):
            return _NO_SNAPSHOTS["an extension"]
        if configuration.runtime and not configuration.runtime.startswith("python"):
            return _NO_SNAPSHOTS["a runtime"]
        return ""

    def memory_mb(self, snapshot: str) -> int:
        """Returns the MB that a snapshot has; 0 where there is none, or that is unknown."""
        kept = self._backend.snapshots
        return kept.memory_mb(snapshot) if snapshot and kept is not None else 0

    def drop(self, snapshot: str) -> None:
        """Lets a snapshot go, once the last sandbox that came of it is gone."""
        if snapshot and self._backend.snapshots is not None:
            self._backend.snapshots.drop(snapshot)

    def _spec(
        self,
        configuration: FunctionConfiguration,
        package: str,
        environment: Mapping[str, str],
        name: str,
    ) -> SandboxSpec:
        profile = self._profile
        quota = profile.cpu_quota_us(configuration.memory_mb)
        return SandboxSpec(
            0,
            package,
            configuration,
            environment,
            CpuShare(quota, round(profile.cpu_period_us * self._clock.dilation)),
            tmp_mb=configuration.ephemeral_storage_mb,
            visible_cpus=profile.visible_cpus(configuration.memory_mb),
            snapshot=name,
        )
