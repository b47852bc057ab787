"""The seam between the engine and whatever runs a sandbox.

A sandbox is anything that dials its Runtime API. A backend makes one, runs the processes of it
that it is told to (the runtime, extensions), freezes it between invocations, tells when a process
ended and takes it all away; it knows nothing of requests, events or keep-alive. A sandbox lives
longer than its runtime: after a timeout or a crash the runtime is started again in the same one,
with the same /tmp. Two real backends stand behind this, Docker and processes, and a fake in the
tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import Seconds
    from emulator.host.peers import Peer


RUNTIME = "runtime"
"""The name of a sandbox's runtime among its processes; extensions have their file's name."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process of a sandbox ended."""

    code: int
    """As a shell counts it: 128 + N for signal N."""
    out_of_memory: bool = False


class Limitation(StrEnum):
    """Names what Lambda enforces or provides, and a backend on some machine cannot.

    Programs decide by the name; the sentence that tells a person about it stands beside it in
    `SandboxBackend.unenforced`.
    """

    HOST_PYTHON = "host-python"
    """Functions run on the host's Python, whatever runtime they name."""
    NO_BUNDLED_SDK = "no-bundled-sdk"
    """Functions have no boto3 but their own."""
    PARTIAL_IMAGES = "partial-images"
    """Only some instructions of a Dockerfile count, over the host's libraries."""
    SHARED_RUNTIME_API = "shared-runtime-api"
    """A sandbox may dial another's Runtime API, as nobody can tell whose a connection is."""
    SHARED_NETWORK = "shared-network"
    """Sandboxes reach what listens on the host's loopback address."""
    HOST_FILE_SYSTEM = "host-file-system"
    """Sandboxes see and may write the host's file system."""
    RUNS_AS_ROOT = "runs-as-root"
    RUNS_AS_CALLER = "runs-as-caller"
    """Functions run as the user who started the emulator."""
    MEMORY_UNLIMITED = "memory-unlimited"
    SWAP_UNLIMITED = "swap-unlimited"
    TMP_COUNTS_AS_MEMORY = "tmp-counts-as-memory"
    """What is written to /tmp takes its room from the function's memory."""
    CPU_UNLIMITED = "cpu-unlimited"
    LATE_CONTROL = "late-control"
    """The CPU share takes effect tens of milliseconds late."""
    PROCESSES_UNLIMITED = "processes-unlimited"
    UNFROZEN = "unfrozen"
    """Sandboxes go on running between invocations."""
    ESCAPABLE_FREEZE = "escapable-freeze"
    """A process can leave what is frozen between invocations."""
    KERNEL_UNFILTERED = "kernel-unfiltered"
    """Functions may make user namespaces and use the kernel's keyrings."""


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
    init_cpu: CpuShare | None = None
    """What a start may use until then, where that is less than all (time dilation)."""
    tmp_mb: int = 512
    visible_cpus: int = 0
    """How many CPUs the sandbox may run on, and sees; 0: all that this machine has."""
    extensions: tuple[str, ...] = ()
    """What of /opt/extensions is run at its start. Where there is none the runtime is, at once;
    else the runtime waits for `run(RUNTIME)`, which is called when they have registered."""


Output: TypeAlias = "Callable[[bytes], None]"
"""Takes what the sandbox wrote to stdout and stderr, in pieces that end anywhere."""
ProcessEnded: TypeAlias = "Callable[[str, Exit], None]"
"""Takes the name of a process of the sandbox, `RUNTIME` or an extension's, and how it ended,
while the sandbox itself lives on."""
Progress: TypeAlias = "Callable[[str], None]"
"""Takes one line that tells a person how a long piece of work goes on."""


class SandboxProcess(Protocol):
    """One started sandbox."""

    create: Seconds
    """How long the engine took to create it (0 where creating and starting are one)."""
    start: Seconds
    """How long the engine took to start it."""
    resettable: bool
    """Whether it outlives its runtime. Where not (an image without a shell), the end of the
    runtime is the end of the sandbox: `exited` is done, and `ended` was not called."""
    exited: asyncio.Future[Exit]
    """Done when the sandbox is gone or can be used no more, for whatever reason, seen at once and
    never by polling. The end of a process of it comes to `ended` instead (see `start`)."""

    def run(self, name: str) -> None:
        """Starts the runtime or an extension, the first time or again. Returns at once."""

    def terminate(self, name: str) -> None:
        """Sends SIGTERM to the runtime or an extension. Returns at once."""

    async def reset(self) -> None:
        """Kills every process of it (SIGKILL, frozen or not) and leaves it thawed, with its /tmp.

        `ended` was called for each that ran. Bounded; where it takes too long, or is not
        `resettable`, the sandbox is gone and `exited` done.
        """

    async def owns(self, peer: Peer) -> bool:
        """Returns whether a connection to this machine was made from within the sandbox.

        Takes about a millisecond at most. True of every connection where that cannot be told
        (`Limitation.SHARED_RUNTIME_API`).
        """

    def limit_cpu(self) -> None:
        """Init is over: sets the spec's CPU share. Returns at once."""

    def freeze(self) -> None:
        """Stops all CPU use until `thaw`. Returns at once; calls take effect in order."""

    def thaw(self) -> None:
        """The inverse of `freeze`."""

    def max_memory_mb(self) -> int:
        """Peak anonymous memory so far, rounded up; 0 where it cannot be told. Takes < 0.2 ms."""

    def throttled(self) -> tuple[int, Seconds]:
        """In how many CFS periods its quota ran out, and for how long in all; since its start.

        Takes < 0.1 ms; zeros where it cannot be told.
        """

    def cpu_seconds(self) -> Seconds:
        """CPU time used since its start. Takes < 0.1 ms; 0 where it cannot be told."""

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
    unenforced: Mapping[Limitation, str]
    """What this backend cannot enforce on this machine, with a sentence for each; after `open`."""

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

    def extensions(self, package: str) -> tuple[str, ...]:
        """The names of the executable files in the /opt/extensions of what `deploy` returned."""

    async def start(self, spec: SandboxSpec, output: Output, ended: ProcessEnded) -> SandboxProcess:
        """Makes one and starts its first process (see `SandboxSpec.extensions`).

        Returns when that runs, not when its init is over. Cancelling it leaves nothing behind.

        Raises:
            SandboxStartError: it could not be started.
        """

    async def close(self) -> None:
        """Stops every sandbox and takes away all that the backend made but for its caches."""
