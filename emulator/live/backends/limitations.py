"""Names what a machine cannot enforce of Lambda's behaviour."""

from __future__ import annotations

from enum import StrEnum


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
    NEIGHBOURS_REACHABLE = "neighbours-reachable"
    """Sandboxes reach each other's addresses."""
    HOST_FILE_SYSTEM = "host-file-system"
    """Sandboxes see and may write the host's file system."""
    RUNS_AS_ROOT = "runs-as-root"
    RUNS_AS_CALLER = "runs-as-caller"
    """Functions run as the user who started the emulator."""
    SUPERVISOR_IN_REACH = "supervisor-in-reach"
    """Functions run as the user of their own sandbox's supervisor."""
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
    NO_SNAPSHOTS = "no-snapshots"
    """Versions with SnapStart start by running their init."""
    NO_STEM_CELLS = "no-stem-cells"
    """Sandboxes are made when they are needed, though stem cells were asked for."""
