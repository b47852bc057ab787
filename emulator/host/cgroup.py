"""Declares the control of one cgroup, with the same methods on versions 1 and 2 of cgroups.

The words and files of the kernel's interfaces are `cgroup_v1`'s and `cgroup_v2`'s. A cgroup starts
no process and knows no sandbox. Every call is synchronous. The calls on the path of a warm request
(`freeze`, `thaw`, `max_anon_mb`, `throttled`) take about 0.1 ms, since their files stay open until
`close`. A cgroup may vanish at any time, when its last process ends and its owner removes it: calls
on a removed cgroup do nothing and read as zero.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from emulator.host.memory_counters import MemoryCounters


DEFAULT_ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "memory", "pids", "freezer")


class Cgroup(Protocol):
    """Declares what `CgroupV1` and `CgroupV2` have in common."""

    controllers: frozenset[str]
    """The usable ones among cpu, memory, pids and freezer (and cpuacct on v1); calls that need
    another controller do nothing."""

    def take_in(self, pid: int) -> None:
        """Makes a running process a member, with all its threads.

        Blocks for several milliseconds on cgroup v1.

        Raises:
            OSError: the kernel refuses, or the process has ended.
        """

    @property
    def cheap_join_files(self) -> list[Path]:
        """Returns the `join_files` where a process that moves itself waits for no processor.

        None where moving takes as long whoever does it (v2).
        """
        ...

    def has(self, pid: int) -> bool:
        """Returns whether a process is a member, for every controller."""

    def limit_memory(self, memory_mb: int) -> None:
        """Has the kernel kill a member rather than let all exceed `memory_mb` MiB; no swap."""

    def limit_cpu(self, quota_us: int, period_us: int) -> None:
        """Lets the members run `quota_us` of every `period_us`; the kernel's least is 1000."""

    def lift_cpu(self) -> None:
        """Takes the CPU limit away."""

    def limit_pids(self, most: int) -> None:
        """Limits the number of processes and threads together."""

    def freeze(self) -> None:
        """Stops every member within a scheduler tick of the call's return."""

    def thaw(self) -> None:
        """Lets frozen members run on."""

    def max_anon_mb(self) -> int:
        """Returns the highest anonymous memory that is known so far, in MiB, rounded up.

        The kernel keeps no peak of anonymous memory alone. Its peak of all memory less the page
        cache and kernel memory of the moment is at most wrong by cache that came or went since,
        and never below the anonymous memory of any call.
        """

    def memory(self) -> MemoryCounters | None:
        """Returns what the kernel counts of the members' memory; None where the kernel does not.

        One read of an open file: 10 microseconds.
        """

    def oom_kills(self) -> int:
        """Returns how many members the kernel killed for want of memory."""

    def throttled(self) -> tuple[int, float]:
        """Returns in how many periods the quota ran out, and for how many seconds in all."""

    def cpu_seconds(self) -> float:
        """Returns the members' CPU time; 0 where the kernel does not count it."""

    def pids(self) -> list[int]:
        """Returns the members' process ids, as seen from this process's pid namespace."""

    def kill(self, spare: Collection[int] = ()) -> None:
        """Sends SIGKILL to every member but `spare`, frozen or not, and does not wait."""

    def remove(self) -> bool:
        """Removes and closes the cgroup; False while a process is still in it."""

    def close(self) -> None:
        """Closes the files that were kept open; the cgroup stays."""
