"""Reads a web server's access log in the Common or Combined format: each request is a call.

The path names the function, without the query; requests that are not in time order, as a server
writes them at their end, are sorted. Seconds are all that the format tells: calls of the same
second are spread over that second. Source: Apache HTTP Server, `mod_log_config`.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from emulator.sim.traces.rows import numbered
from emulator.sim.traces.trace import Trace, TracedFunction, spread
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path
    from random import Random

    from emulator.sim.traces.trace import Call

_LINE = re.compile(r'\S+ \S+ .*?\[(?P<time>[^\]]+)\] "(?:\S+ )?(?P<target>[^" ]*)[^"]*" \d{3} ')
_TIME = "%d/%b/%Y:%H:%M:%S %z"


def read(path: Path) -> Trace:
    """Reads a whole log; empty lines are passed over.

    Raises:
        TraceError: the file cannot be read, or a line is of another format.
    """
    seconds: dict[int, Counter[str]] = {}
    for number, line in numbered(path):
        at, name = _request(path, number, line)
        seconds.setdefault(at, Counter())[name] += 1
    begin = min(seconds, default=0)
    names = sorted({name for counts in seconds.values() for name in counts})

    def calls(chance: Random, wanted: Collection[str]) -> Iterator[Call]:
        for at in sorted(seconds):
            counts = {name: count for name, count in seconds[at].items() if name in wanted}
            yield from spread(counts, at - begin, 1.0, chance)

    return Trace({name: TracedFunction(name) for name in names}, calls)


def _request(path: Path, number: int, line: str) -> tuple[int, str]:
    found = _LINE.match(line)
    if found is None:
        raise TraceError(f"{path.name}, line {number}: no request of the Common Log Format")
    try:
        at = datetime.strptime(found["time"], _TIME)  # noqa: DTZ007  # the format has a zone
    except ValueError as error:
        raise TraceError(f"{path.name}, line {number}: {error}") from None
    return int(at.timestamp()), found["target"].partition("?")[0] or "/"
