"""What the made-up backends have in common: sandboxes of which nothing is measured.

Each backend adds what its runtimes do.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.host.peers import Peer
    from emulator.live.backends.interface import PackagesOnDisk, Progress, StemCells
    from emulator.live.backends.limitations import Limitation
    from emulator.live.backends.sandbox_spec import InnerListener

KILLED = 137
"""Exit code of a process that SIGKILL ended."""


class UnmeasuredProcess:
    """Does the part of `SandboxProcess` that is measured or has no effect here."""

    create = start = 0.0
    resettable = True
    frozen = False

    async def owns(self, peer: Peer) -> bool:
        raise AssertionError(f"{peer}: nothing dials")

    def terminate(self, name: str) -> None:
        raise AssertionError(f"{name} has no shutdown phase without extensions")

    def output_until_now(self) -> asyncio.Future[None] | None:
        return None

    def limit_cpu(self) -> None:
        pass

    def freeze(self) -> None:
        assert not self.frozen
        self.frozen = True

    def thaw(self) -> None:
        assert self.frozen
        self.frozen = False

    def max_memory_mb(self) -> int:
        return 32

    def memory(self) -> None:
        return None

    def jvm(self) -> None:
        return None

    def throttled(self) -> tuple[int, float]:
        return 0, 0.0

    def cpu_seconds(self) -> float:
        return 0.0


class PackagelessBackend:
    """Does the part of `SandboxBackend` that concerns packages and this machine: there are none."""

    oci_runtime = ""
    storage = ()
    unenforced: Mapping[Limitation, str] = MappingProxyType({})
    packages: PackagesOnDisk | None = None
    snapshots = None
    stem_cells: StemCells | None = None

    async def deploy(
        self,
        configuration: FunctionConfiguration,
        progress: Progress,  # noqa: ARG002
    ) -> str:
        return configuration.name

    def extensions(self, package: str) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    async def listen_inside(
        self,
        snapshot: str = "",  # noqa: ARG002
        cell: int = 0,  # noqa: ARG002
    ) -> InnerListener | None:
        return None

    def give_up(self, inner: InnerListener) -> None:
        raise AssertionError(inner)

    async def close(self) -> None:
        pass
