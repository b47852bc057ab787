"""Makes traces in the formats of published ones, for times and sizes that a test must have.

Nobody called any of it: functions differ in how often they are called as Shahrad et al. (ATC'20)
describe Azure's of 2019, whose tail is heavy (log-normal), and their times are log-normal as well.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from emulator.core.model import Seconds

_MINUTES_A_DAY = 1440
_SPREAD = 3.0
"""Deviation of the logarithm of functions' rates: 1 % of the functions have most of the calls."""
_DURATION = 0.5
"""Median seconds of a call; below, the logarithm's deviation between functions, and within one."""
_BETWEEN, _WITHIN = 1.5, 0.5


def _hash(kind: str, number: int) -> str:
    return hashlib.sha256(f"{kind} {number}".encode()).hexdigest()


def azure2021(calls: int, functions: int, length: Seconds, chance: Random) -> Iterator[str]:
    """Yields the lines of a file in the format of 2021, in the order of the calls' ends."""
    weights = list(accumulate(chance.lognormvariate(0.0, _SPREAD) for _ in range(functions)))
    medians = [_DURATION * chance.lognormvariate(0.0, _BETWEEN) for _ in range(functions)]
    names = [f"{_hash('app', n // 3)},{_hash('function', n)}" for n in range(functions)]
    rows = []
    for _ in range(calls):
        function = bisect(weights, chance.random() * weights[-1])
        duration = round(medians[function] * chance.lognormvariate(0.0, _WITHIN), 3)
        rows.append((chance.random() * length + duration, function, duration))
    rows.sort()
    yield "app,func,end_timestamp,duration"
    for end, function, duration in rows:
        yield f"{names[function]},{end},{duration}"


def azure2019(
    functions: int, mean_calls: float, chance: Random
) -> tuple[list[str], list[str], list[str]]:
    """Returns the lines of a day's three files: invocations, durations, memory."""
    minutes = ",".join(str(minute + 1) for minute in range(_MINUTES_A_DAY))
    shares = (0, 1, 25, 50, 75, 99, 100)
    invocations = [f"HashOwner,HashApp,HashFunction,Trigger,{minutes}"]
    columns = ",".join(f"percentile_Average_{share}" for share in shares)
    durations = [f"HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,{columns}"]
    memory = ["HashOwner,HashApp,SampleCount,AverageAllocatedMb"]
    scale = mean_calls / math.exp(_SPREAD**2 / 2) / _MINUTES_A_DAY
    for number in range(functions):
        owner, app = _hash("owner", number // 9), _hash("app", number // 3)
        who = f"{owner},{app},{_hash('function', number)}"
        rate = scale * chance.lognormvariate(0.0, _SPREAD)
        counts = [_poisson(rate, chance) for _ in range(_MINUTES_A_DAY)]
        invocations.append(f"{who},http,{','.join(map(str, counts))}")
        median = 1000 * _DURATION * chance.lognormvariate(0.0, _BETWEEN)
        points = [median * factor for factor in (0.2, 0.3, 0.7, 1.0, 1.4, 3.2, 5.0)]
        told = ",".join(f"{point:.1f}" for point in points)
        durations.append(
            f"{who},{median:.1f},{sum(counts)},{points[0]:.1f},{points[-1]:.1f},{told}"
        )
        if number % 3 == 0:
            memory.append(f"{owner},{app},1,{chance.uniform(60, 400):.0f}")
    return invocations, durations, memory


def _poisson(mean: float, chance: Random) -> int:
    """Returns a number of calls in a minute; of many calls, as a normal distribution has them."""
    if mean > 50:  # noqa: PLR2004
        return max(0, round(chance.normalvariate(mean, math.sqrt(mean))))
    left, number = chance.random(), 0
    term = math.exp(-mean)
    while left > term and number < 1000:  # noqa: PLR2004
        left -= term
        number += 1
        term *= mean / number
    return number
