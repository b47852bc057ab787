"""Runs `testbed` with a wall clock that jumps, as it does when root sets the machine's.

The emulator's sources of wall-clock time are all `time.time`; monotonic time goes on, as it does
when a clock is set. The functions' clock stays the machine's.
"""

from __future__ import annotations

import os
import runpy
import time

VARIABLE = "TESTBED_CHAOS_CLOCK"
"""Names a symbolic link whose text is the seconds that the clock is ahead; none for no shift."""


def shift(seconds: float, link: str) -> None:
    """Sets how far ahead the clock is, from one call to the next."""
    fresh = f"{link}.new"
    os.symlink(f"{seconds:g}", fresh)  # noqa: PTH211
    os.replace(fresh, link)  # noqa: PTH105  # a Path's would follow what it says


def _shifted() -> None:
    link, true_time = os.environ[VARIABLE], time.time

    def wall_time() -> float:
        try:
            return true_time() + float(os.readlink(link))  # noqa: PTH115  # asked for all the time
        except OSError:
            return true_time()

    time.time = wall_time


if __name__ == "__main__":
    _shifted()  # before anything takes the function
    runpy.run_module("emulator.cli", run_name="__main__", alter_sys=True)
