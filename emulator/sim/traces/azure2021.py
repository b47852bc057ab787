"""Reads the trace of Azure Functions of 2021: a row an invocation, with its end and its duration.

Source: Azure/AzurePublicDataset, AzureFunctionsInvocationTrace2021 (Zhang et al., SOSP'21).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.sim.traces.rows import amount, parsed
from emulator.sim.traces.trace import Call, Trace, TracedFunction

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_COLUMNS = ("app", "func", "end_timestamp", "duration")
_LETTERS = 12
"""Letters of a hash that are kept; the hashes of two functions do not begin alike."""


def read(path: Path) -> Trace:
    """Reads a whole trace; calls are sorted by their beginning, which the rows are not.

    Raises:
        TraceError: the file cannot be read, or a line is wrong.
    """
    calls = sorted(parsed(path, _COLUMNS, _call))
    begin = calls[0].at if calls else 0.0
    from_zero = [Call(call.at - begin, call.function, call.duration) for call in calls]
    functions = {call.function: TracedFunction(call.function) for call in calls}
    return Trace(functions, lambda _: iter(from_zero))


def _call(row: Mapping[str, str]) -> Call:
    duration = amount(row["duration"])
    name = f"{row['app'][:_LETTERS]}-{row['func'][:_LETTERS]}"
    return Call(float(row["end_timestamp"]) - duration, name, duration)
