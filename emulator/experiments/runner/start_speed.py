"""Measures how fast this machine starts programs, beside the machine of the project's own figures.

Owns the measurement and its constants. A start maps libraries, faults pages in and reads modules:
what a large framework's init does more of, and what virtual machines are slow at whose arithmetic
is as fast as any. CPU time is measured, so that what else runs here does not count.
"""

from __future__ import annotations

import resource
import subprocess
import sys

from emulator.experiments.plan.dilation import TENSORFLOW_INIT

IMPORTED = "matplotlib.pyplot"
"""What the measured program imports: a large module that every experiment needs as well."""
IMPORT_CPU = 0.55
"""CPU seconds of the measured program on the 2-core machine of this project (M: .48 to .59 in five
runs)."""
_RUNS = 2
"""Runs, of which the faster counts: a first one may compile modules and look for fonts."""
_ENDS_WITHIN = 120.0


def slowness(python: str = sys.executable) -> float:
    """Returns how many times as much CPU time a start takes here; 1 where that cannot be measured.

    Args:
        python: the interpreter to measure.
    """
    try:
        return min(_cpu_of_import(python) for _ in range(_RUNS)) / IMPORT_CPU
    except (OSError, subprocess.SubprocessError):
        return 1.0


def tensorflow_init(python: str = sys.executable) -> float:
    """Returns the CPU seconds that an init with TensorFlow can be expected to take here."""
    return slowness(python) * TENSORFLOW_INIT


def _cpu_of_import(python: str) -> float:
    before = _cpu_of_children()
    subprocess.run(
        [python, "-c", f"import {IMPORTED}"],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_ENDS_WITHIN,
    )
    return _cpu_of_children() - before


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
