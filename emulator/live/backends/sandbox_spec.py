"""Describes the sandbox that a backend is to start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from emulator.core.function_configuration import FunctionConfiguration


@dataclass(frozen=True, slots=True)
class InnerListener:
    """Listens where nobody but one sandbox can dial, on the sandbox's own loopback address."""

    socket: socket.socket
    """Is bound; whoever has it listens and closes it."""
    dial: str
    """Host and port that the sandbox dials."""
    address: str
    """The address by which the sandbox itself is reached from here."""
    network: str
    """The backend's own name of the sandbox's network, which is kept for that sandbox."""
    of_cell: int = 0
    """The stem cell that has the network already; 0: none."""


@dataclass(frozen=True, slots=True)
class CpuShare:
    """Gives a sandbox so much CPU time of every period; 1 vCPU is `quota_us == period_us`."""

    quota_us: int
    period_us: int


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """Holds all that a backend needs to start one sandbox."""

    sandbox: int
    package: str
    """The package that `deploy` returned: an image id, or a folder."""
    configuration: FunctionConfiguration
    environment: Mapping[str, str]
    """The whole environment of the runtime, AWS_LAMBDA_RUNTIME_API included, but for what the
    backend's file system decides (LAMBDA_TASK_ROOT, PATH and the like)."""
    cpu: CpuShare
    """The share from the end of init on (`limit_cpu`); a start has at least one vCPU."""
    init_cpu: CpuShare | None = None
    """The share until the end of init, where that is less than all (time dilation)."""
    tmp_mb: int = 512
    visible_cpus: int = 0
    """How many CPUs the sandbox may run on, and sees; 0: all that this machine has."""
    inner: InnerListener | None = None
    """Where the Runtime API listens within the sandbox's network, if `listen_inside` said so."""
    snapshot: str = ""
    """The snapshot of which the sandbox is to be a fork, by the name that `Snapshots.take` gave it;
    empty: none. `extensions` are none then."""
    cell: int = 0
    """The stem cell that is to become the sandbox; one that has ended meanwhile is as none, and 0
    is none."""
    extensions: tuple[str, ...] = ()
    """The names of the extensions to run at the start. Without any the runtime is run at once;
    else the runtime waits for `run(RUNTIME)`, which is called when all have registered."""
