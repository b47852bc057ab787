"""Holds provisioned concurrency that follows a timetable.

As scheduled actions of Application Auto Scaling do; time 0 of the driver's clock is midnight.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.model import VersionKey
from emulator.core.policies.interface import Policy, Provision, Wake

if TYPE_CHECKING:
    from emulator.core.model import FunctionVersion, Seconds

_DAY = 86_400.0
_ENTRY = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])x([0-9]+)")


@dataclass(eq=False)
class Provisioned(Policy):
    """Sets the provisioned concurrency of every version by the time of day.

    `timetable` has entries such as `0800x5`, with `+` between: five sandboxes from 8 o'clock on.
    What is not served by them is served on demand, with the lifetime that the keep-alive drew.
    """

    timetable: str = "0000x1"
    _times: list[tuple[Seconds, int]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        for entry in self.timetable.split("+"):
            read = _ENTRY.fullmatch(entry)
            if read is None:
                raise ValueError(f"{entry!r} is no entry of a timetable, such as 0800x5")
            hours, minutes, count = map(int, read.groups())
            self._times.append((hours * 3600.0 + minutes * 60.0, count))
        self._times.sort()

    def deployed(self, function: FunctionVersion, now: Seconds) -> None:
        self._set(function.key, now)

    def woken(self, name: str, now: Seconds) -> None:
        self._set(VersionKey(name), now)

    def _set(self, key: VersionKey, now: Seconds) -> None:
        today, time = now - now % _DAY, now % _DAY
        past = [count for at, count in self._times if at <= time]
        self.orders.append(Provision(key, past[-1] if past else self._times[-1][1]))
        if len(self._times) > 1:  # else nothing ever changes
            later = [at for at, _ in self._times if at > time]
            self.orders.append(Wake(key, today + (later[0] if later else _DAY + self._times[0][0])))
