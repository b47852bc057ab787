"""Reads a trace of calls by the name of its format, as a user gives both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import SettingsError
from emulator.sim.traces.formats import FORMATS
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from emulator.sim.traces.trace import Trace


def read_trace(path: Path, format_name: str, sample: int | None, chance: random.Random) -> Trace:
    """Returns a trace, cut to as many functions as `sample` says; None: all.

    The calls of some formats are read only later, and a TraceError may come then.

    Raises:
        SettingsError: the format is unknown, or the file is faulty.
    """
    reader = FORMATS.get(format_name)
    if reader is None:
        raise SettingsError(f"format {format_name!r} is none of {', '.join(FORMATS)}")
    try:
        trace = reader(path)
        return trace if sample is None else trace.sample(sample, chance)
    except TraceError as error:
        raise SettingsError(str(error)) from error
