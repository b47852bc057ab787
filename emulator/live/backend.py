"""The seam between the engine and whatever runs a sandbox.

A sandbox is anything that dials its Runtime API. A backend starts one, freezes it between
invocations, tells when it ended and takes it away; it knows nothing of requests, events or
keep-alive. Two real backends stand behind this, Docker and processes, and a fake in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from emulator.core.catalog import FunctionConfiguration
    from emulator.core.model import Seconds


@dataclass(frozen=True, slots=True)
class Exit:
    """How a sandbox's runtime ended."""

    code: int
    """As a shell counts it: 128 + N for signal N."""
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class CpuShare:
    """A CFS quota; a sandbox of 1 vCPU has `quota_us == period_us`."""

    quota_us: int
    period_us: int


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """All that a backend needs to start one sandbox."""

    sandbox: int
    package: str
    """What `deploy` returned: an image id, or a folder."""
    configuration: FunctionConfiguration
    environment: Mapping[str, str]
    """The whole environment of the runtime but for what the backend's file system decides
    (LAMBDA_TASK_ROOT, PATH and the like); AWS_LAMBDA_RUNTIME_API is in it."""
    cpu: CpuShare
    """To be set when init ends (`limit_cpu`); a start has at least one vCPU."""
    tmp_mb: int = 512


Output: TypeAlias = "Callable[[bytes], None]"
"""Takes what the sandbox wrote to stdout and stderr, in pieces that end anywhere."""
Progress: TypeAlias = "Callable[[str], None]"
"""Takes one line that tells a person how a long piece of work goes on."""


class SandboxProcess(Protocol):
    """One started sandbox."""

    create: Seconds
    """How long the engine took to create it (0 where creating and starting are one)."""
    start: Seconds
    """How long the engine took to start it."""
    exited: asyncio.Future[Exit]
    """Done when the runtime ended, for whatever reason, seen at once and never by polling."""

    def limit_cpu(self) -> None:
        """Init is over: sets the spec's CPU share. Returns at once."""

    def freeze(self) -> None:
        """Stops all CPU use until `thaw`. Returns at once; calls take effect in order."""

    def thaw(self) -> None:
        """The inverse of `freeze`."""

    def max_memory_mb(self) -> int:
        """Peak anonymous memory so far, rounded up; 0 where it cannot be told. Takes < 0.2 ms."""

    async def stop(self) -> None:
        """Kills it if it runs and takes away all that was made for it; bounded, never raises.

        `exited` is done afterwards. Calling it twice is allowed.
        """


class SandboxBackend(Protocol):
    name: str
    """`docker` or `process`; stands in every record."""
    runtime_api_host: str
    """The address on which the Runtime API sockets of its sandboxes must listen."""
    runtime_api_name: str
    """The name or address by which its sandboxes reach `runtime_api_host`."""
    unenforced: tuple[str, ...]
    """What Lambda enforces and this backend cannot on this machine, one sentence each."""

    async def open(self) -> None:
        """Readies the backend and reaps what an earlier emulator of the same state left.

        Raises:
            BackendUnavailableError: it cannot work here; the message says why in one sentence.
        """

    async def deploy(self, configuration: FunctionConfiguration, progress: Progress) -> str:
        """Makes the package from which sandboxes start, once a deployment; cached by content.

        Returns:
            The package, for `SandboxSpec.package`.

        Raises:
            BuildError: it cannot be made; the message ends with the tool's last lines.
        """

    async def start(self, spec: SandboxSpec, output: Output) -> SandboxProcess:
        """Starts one; returns when the runtime process runs (not when its init is over).

        Cancelling it leaves nothing behind.

        Raises:
            SandboxStartError: it could not be started.
        """

    async def close(self) -> None:
        """Stops every sandbox and takes away all that the backend made but for its caches."""
