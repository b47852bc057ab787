"""Defines the seam between the engine and whatever runs a sandbox.

A sandbox is anything that dials its Runtime API. A backend makes a sandbox, runs the processes
that it is told to (the runtime, extensions), freezes the sandbox between invocations, tells when
a process ended and takes everything away; it knows nothing of requests, events or keep-alive. A
sandbox lives longer than its runtime: after a timeout or a crash the runtime is started again in
the same sandbox, with the same /tmp. Two real backends stand behind this, Docker and processes,
and a fake in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import Seconds, VersionKey
    from emulator.host.jvm_counters import JvmCounters
    from emulator.host.memory_counters import MemoryCounters
    from emulator.host.peers import Peer
    from emulator.live.backends.limitations import Limitation
    from emulator.live.backends.sandbox_spec import InnerListener, SandboxSpec


RUNTIME = "runtime"
"""The name of a sandbox's runtime among its processes; an extension's name is its file's."""


@dataclass(frozen=True, slots=True)
class Exit:
    """Says how a process of a sandbox ended."""

    code: int
    """The exit code as a shell counts it: 128 + N for signal N."""
    out_of_memory: bool = False


Output: TypeAlias = "Callable[[bytes], None]"
"""Is called with what the sandbox wrote to stdout and stderr, in pieces that end anywhere."""
ProcessEnded: TypeAlias = "Callable[[str, Exit], None]"
"""Is called with the name of a process of the sandbox, `RUNTIME` or an extension's, and how that
process ended, while the sandbox itself lives on."""
Progress: TypeAlias = "Callable[[str], None]"
"""Is called with one line that tells a person how a long piece of work goes on."""


class SandboxProcess(Protocol):
    """Controls one started sandbox."""

    create: Seconds
    """How long the creation took (0 where creating and starting are one)."""
    start: Seconds
    """How long the start took."""
    resettable: bool
    """Whether the sandbox outlives its runtime. Where not (an image without a shell), the end of
    the runtime is the end of the sandbox: `exited` is done, and `ended` was not called."""
    exited: asyncio.Future[Exit]
    """Done when the sandbox is gone or can be used no more, for whatever reason, seen at once and
    never by polling. The end of a single process is told by `ended` instead (see `start`)."""

    def run(self, name: str) -> None:
        """Starts the runtime or an extension, the first time or again. Returns at once."""

    def terminate(self, name: str) -> None:
        """Sends SIGTERM to the runtime or an extension. Returns at once."""

    async def reset(self) -> None:
        """Kills all processes, frozen or not, and leaves the sandbox thawed, with its /tmp.

        When this returns, `ended` was called for each process that ran. Bounded and never
        raises; where it takes too long, fails, or the sandbox is not `resettable`, the sandbox is
        gone and `exited` done.
        """

    async def owns(self, peer: Peer) -> bool:
        """Returns whether a connection to this machine was made from within the sandbox.

        Takes about a millisecond at most. True of every connection where that cannot be told
        (`Limitation.SHARED_RUNTIME_API`).
        """

    def output_until_now(self) -> asyncio.Future[None] | None:
        """Returns what is done when all output that was written until now has come.

        Called once at the end of each invocation; bounded. None where the output has come
        already, or that cannot be told.
        """

    def limit_cpu(self) -> None:
        """Sets the spec's CPU share at the end of init. Returns at once."""

    def freeze(self) -> None:
        """Stops all CPU use until `thaw`. Returns at once; calls take effect in order.

        Does nothing under `Limitation.UNFROZEN`.
        """

    def thaw(self) -> None:
        """Undoes `freeze`."""

    def max_memory_mb(self) -> int:
        """Returns the peak of anonymous memory so far, rounded up; 0 where that is unknown.

        Takes < 0.2 ms.
        """

    def memory(self) -> MemoryCounters | None:
        """Returns what the kernel counts of the sandbox's memory; None where that is unknown.

        Takes < 0.02 ms.
        """

    def jvm(self) -> JvmCounters | None:
        """Returns what the sandbox's JVM tells of its memory; None without a JVM that tells.

        Takes < 0.02 ms but for the first looks.
        """

    def throttled(self) -> tuple[int, Seconds]:
        """Returns in how many CFS periods the quota ran out, and for how long in all.

        Counted since the start; zeros where that is unknown. Takes < 0.1 ms.
        """

    def cpu_seconds(self) -> Seconds:
        """Returns the CPU time used since the start; 0 where that is unknown. Takes < 0.1 ms."""

    async def stop(self) -> None:
        """Kills the sandbox and takes away all that was made for it; bounded, never raises.

        `exited` is done afterwards. Calling it twice is allowed.
        """


class Snapshots(Protocol):
    """Keeps initialized runtimes, of which `SandboxBackend.start` makes forks."""

    async def take(self, spec: SandboxSpec, output: Output, limit: Seconds) -> None:
        """Takes a runtime through init, in at most `limit` seconds, and keeps it frozen.

        It is known as `spec.snapshot` from then on, in the place of an earlier one of that name,
        and is made anew whenever it has died.

        Raises:
            SnapshotError: the init failed, or the result cannot be kept.
        """

    def memory_mb(self, snapshot: str) -> int:
        """Returns the MB of heaps and stacks that a snapshot has now; 0 where that is unknown."""

    def drop(self, snapshot: str) -> None:
        """Ends what is kept, after the last sandbox that came of it; unknown names are none."""


class StemCells(Protocol):
    """Keeps sandboxes of no function, frozen, of which `SandboxBackend.start` makes sandboxes."""

    def runtime(self, configuration: FunctionConfiguration, package: str) -> str:
        """Returns the runtime whose cells can become sandboxes of a version; empty: none can."""

    async def make(self, cell: int, runtime: str, ended: Callable[[], None]) -> int:
        """Makes a cell, whose runtime waits for its function when this returns.

        Returns the MB of memory that the cell has then; 0 where that is unknown.

        `ended` is called where the cell ends unasked before it becomes a sandbox. Cancelling
        leaves nothing behind.

        Raises:
            SandboxStartError: the cell cannot be made.
            OSError: the kernel refuses.
        """

    def drop(self, cell: int) -> None:
        """Ends a cell that became no sandbox; unknown ones are none. Returns at once."""

    def put(self, key: VersionKey, package: str) -> None:
        """Takes from which package a version's sandboxes start from now on, and from no other.

        What is kept for cells of packages that no version has goes when no sandbox uses it.
        """

    def forget(self, key: VersionKey) -> None:
        """Takes that a version is no more; unknown ones are none."""

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        """Takes which versions there are, ready or not; told once, after those of a template."""


class PackagesOnDisk(Protocol):
    """Keeps the packages of this machine's disk that somebody needs, and removes the others."""

    def unasked(self, package: str) -> None:
        """Takes that a package that `deploy` returned is to be no version's after all."""

    def put(self, key: VersionKey, package: str) -> None:
        """Takes from which package a version's sandboxes start from now on, and from no other.

        Packages that `deploy` returned stay until then.
        """

    def forget(self, key: VersionKey) -> None:
        """Takes that a version is no more; unknown ones are none."""

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        """Takes which versions there are, ready or not; nothing goes before that is told."""

    def hold(self, package: str) -> None:
        """Takes that sandboxes use a package, or will, though no version may have it any more."""

    def release(self, package: str) -> None:
        """Takes back one `hold`."""


class SandboxBackend(Protocol):
    """Makes sandboxes of one kind."""

    name: str
    """The backend's name in every record: `docker` or `process`."""
    runtime_api_host: str
    """The address on which the Runtime API sockets of sandboxes must listen."""
    runtime_api_name: str
    """The name or address by which sandboxes reach `runtime_api_host`."""
    oci_runtime: str
    """The engine's runtime of sandboxes, after `open`; empty where no engine runs them."""
    storage: Sequence[Path]
    """Folders of this machine that sandboxes have their files on; none where an engine has them
    elsewhere; after `open`."""
    unenforced: Mapping[Limitation, str]
    """What this backend cannot enforce on this machine, with a sentence for each; after `open`."""

    @property
    def packages(self) -> PackagesOnDisk | None:
        """Returns what keeps packages on this machine's disk; None where an engine has them all."""
        ...

    @property
    def snapshots(self) -> Snapshots | None:
        """Returns what keeps snapshots for SnapStart, after `open`; None where nothing does."""
        ...

    @property
    def stem_cells(self) -> StemCells | None:
        """Returns what keeps stem cells, after `open`; None where nothing does."""
        ...

    async def open(self) -> None:
        """Readies the backend and reaps what an earlier emulator of the same state left.

        Raises:
            BackendUnavailableError: the backend cannot work here; one sentence says why.
        """

    async def deploy(self, configuration: FunctionConfiguration, progress: Progress) -> str:
        """Makes the package from which sandboxes start, once a deployment; cached by content.

        Returns:
            The package, for `SandboxSpec.package`.

        Raises:
            BuildError: the package cannot be made; the message ends with the tool's last lines.
        """

    def extensions(self, package: str) -> tuple[str, ...]:
        """Returns the names of the executable files in the /opt/extensions of a package."""

    async def listen_inside(self, snapshot: str = "", cell: int = 0) -> InnerListener | None:
        """Opens a socket for the Runtime API within the network that a sandbox is to have.

        The sandbox is to come of a `snapshot`, unless that is empty. A stem `cell`
        that is to become the sandbox has its network, and a socket, already.

        The network is kept until a `start` with this listener, or `give_up`. None where the
        network is shared or is made with the sandbox: the Runtime API then listens on
        `runtime_api_host`.
        """

    def give_up(self, inner: InnerListener) -> None:
        """Frees a network in which nothing will be started."""

    async def start(self, spec: SandboxSpec, output: Output, ended: ProcessEnded) -> SandboxProcess:
        """Makes a sandbox and starts its first process (see `SandboxSpec.extensions`).

        Returns when that process runs, not when init is over. Cancelling leaves nothing behind.

        Raises:
            NetworkLostError: the network in which the Runtime API listens is gone, so that both
                must be begun anew.
            SandboxStartError: the sandbox could not be started.
        """

    async def close(self) -> None:
        """Stops every sandbox and takes away all that the backend made but for its caches."""
