"""Works out how far a sandbox's CPU quota goes, and what dilation cannot have of the kernel.

A dilated sandbox has its quota of CPU time in a period that is N times as long. Until the quota is
used up it runs at the machine's full speed, so what an invocation does after it was last throttled
(all that a short one does) would look N times too fast. That is measured here, and the answer
waits for the difference. It cannot be had by a finer quota: the kernel takes none below 1 ms, and
on most machines looks at a running process every 4 ms only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.live.backends.interface import SandboxProcess


class SandboxCpu:
    """Works out how long a dilated answer must wait.

    `quota` is the machine's seconds in each period, `cpus` the number of visible CPUs, `dilation`
    the factor N.
    """

    def __init__(self, quota: Seconds, cpus: int, dilation: float = 1.0) -> None:
        self.quota_lasts: Seconds = quota / cpus / dilation
        """With all those CPUs at work, on the dilated clock."""
        self.dilated = dilation > 1
        self._quota = quota
        self._dilation = dilation
        self._began: tuple[Seconds, Seconds, tuple[int, Seconds]] = (0.0, 0.0, (0, 0.0))

    def began(self, process: SandboxProcess, now: Seconds) -> None:
        """Notes the start of a dilated invocation; `now` is the dilated clock's."""
        self._began = (now, process.cpu_seconds(), process.throttled())

    def lag(self, process: SandboxProcess, now: Seconds) -> Seconds:
        """Returns by how much an answer came too early, in seconds of the dilated clock."""
        began, used, (periods, throttled) = self._began
        periods_now, throttled_now = process.throttled()
        awake = (now - began) * self._dilation - (throttled_now - throttled)
        burst = process.cpu_seconds() - used - (periods_now - periods) * self._quota
        # the kernel lets a process run some ms over its quota, dilated or not, so no burst counts
        # for more; and threads that ran beside each other take no longer than one of them
        burst = min(burst, self._quota, awake)
        return max(0.0, burst) * (1 - 1 / self._dilation)
