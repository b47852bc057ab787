"""Reads how long functions take from a TOML file: `--behaviours FILE`.

    [[behaviour]]                       # the last one that fits a cell best is the cell's
    function = "kdd99-tf"               # without: any function; so with memory_mb and scenario
    memory_mb = 512
    init = { lognormal = [1.6, 0.1] }   # seconds: median, and deviation of the logarithm
    cold = { wait = 0.1, cpu = 0.4 }    # wait + cpu / share of a CPU
    warm = { normal = [0.07, 0.01] }    # mean and deviation, cut off at 0
    overhead = 0.002                    # the same every time
    failures = { error = 0.01 }

Owns the file's form. A file is refused with all of its faults at once, each with its line.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.core.profiles import PROFILES
from emulator.errors import SettingsError
from emulator.experiments.plan.toml_lines import line_of
from emulator.experiments.simulation.samples import HANDLER, Phase
from emulator.sim.behaviour import Behaviour, Outcome
from emulator.sim.distributions import (
    Constant,
    Exponential,
    LogNormal,
    Normal,
    Quantiles,
    Stretched,
    Uniform,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.sim.behaviour import Shares
    from emulator.sim.distributions import Distribution

_KINDS: Mapping[str, tuple[Callable[..., Distribution], int, str]] = {
    "uniform": (Uniform, 2, "two numbers, [least, most]"),
    "normal": (Normal, 2, "two numbers, [mean, deviation]"),
    "lognormal": (LogNormal, 2, "two numbers, [median, deviation of the logarithm]"),
    "exponential": (Exponential, 1, "one number, the mean"),
    "quantiles": (lambda *seconds: Quantiles(seconds), 0, "numbers that rise, equally likely"),
}
_SELECTORS = {"function": str, "memory_mb": int, "scenario": str}
_FAILURES = {
    "error": Outcome.ERROR,
    "exit": Outcome.EXIT,
    "out-of-memory": Outcome.OUT_OF_MEMORY,
    "never": Outcome.NEVER,
    "start": Outcome.START_FAILED,
}
_PHASES = {str(phase) for phase in Phase} | {"stop", "reset"}
_OTHERS = {"failures", "init_failures", "max_memory_mb"}
_Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """Holds one [[behaviour]] of the file."""

    selects: Mapping[str, Any]
    phases: Mapping[str, tuple[Distribution, Distribution | None]]
    """Wait, and the CPU's work where there is any."""
    failures: Shares = ()
    init_failures: Shares = ()
    max_memory_mb: int = 0

    def fits(self, cell: PlannedCell) -> bool:
        values = {
            "function": cell.condition.function,
            "memory_mb": cell.memory_mb,
            "scenario": cell.condition.scenario,
        }
        return all(values[key] == value for key, value in self.selects.items())

    def behaviour(self, cell: PlannedCell) -> Behaviour:
        share = min(1.0, PROFILES[cell.condition.profile].vcpus(cell.memory_mb))
        found: dict[str, Any] = {}
        for name, (wait, work) in self.phases.items():
            # an init has a whole CPU at every size
            own = share if name in HANDLER else 1.0
            found[name] = wait if work is None else Stretched(wait, work, own)
        return Behaviour(
            **found,
            mishaps=self.failures,
            init_mishaps=self.init_failures,
            max_memory_mb=self.max_memory_mb,
        )


@dataclass(frozen=True, slots=True)
class Behaviours:
    """Answers with the behaviour of any cell of a plan, from a file."""

    path: Path
    entries: tuple[_Entry, ...]

    def behaviour(self, cell: PlannedCell) -> Behaviour:
        """Returns the behaviour of the entry that names most of a cell; of several, the last.

        Raises:
            SettingsError: no entry is about the cell.
        """
        fitting = [entry for entry in self.entries if entry.fits(cell)]
        if not fitting:
            raise SettingsError(
                f"{self.path} has no [[behaviour]] for {cell.condition.function} at "
                f"{cell.memory_mb} MB under {cell.condition.scenario}; one that names no function "
                "is for all."
            )
        return max(reversed(fitting), key=lambda entry: len(entry.selects)).behaviour(cell)


def read_behaviours(path: Path) -> Behaviours:
    """Reads and checks a file of behaviours.

    Raises:
        SettingsError: the file cannot be read, or has faults; the message has a line for each.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"{path} cannot be read: {error}.") from error
    reader = _Reader()
    entries = reader.entries(raw)
    if reader.faults:
        lines = [f"  line {line_of(text, place) or 1}: {told}" for place, told in reader.faults]
        raise SettingsError(f"{path} is refused:\n" + "\n".join(lines))
    return Behaviours(path, tuple(entries))


@dataclass(slots=True)
class _Reader:
    """Reads values, and gathers what is wrong, each with its place."""

    faults: list[tuple[_Place, str]] = field(default_factory=list)

    def entries(self, raw: dict[str, Any]) -> list[_Entry]:
        for key in raw.keys() - {"behaviour"}:
            self.faults.append(((key,), f"{key} is no key of this file: [[behaviour]] is"))
        tables = raw.get("behaviour")
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.faults.append((("behaviour",), "there is no list of tables [[behaviour]]"))
            return []
        return [self._entry(table, ("behaviour", n)) for n, table in enumerate(tables)]

    def _entry(self, table: dict[str, Any], place: _Place) -> _Entry:
        known = _PHASES | _OTHERS | _SELECTORS.keys()
        for key in table.keys() - known:
            self._wrong((*place, key), f"{key} is none of {', '.join(sorted(known))}")
        if "warm" not in table:
            self._wrong(place, "warm is missing: how long a handler call takes")
        for key, kind in _SELECTORS.items():
            if key in table and type(table[key]) is not kind:
                self._wrong((*place, key), f"{key} must be {kind.__name__}, not {table[key]!r}")
        memory = table.get("max_memory_mb", 0)
        if not isinstance(memory, int) or isinstance(memory, bool) or memory < 0:
            self._wrong((*place, "max_memory_mb"), f"max_memory_mb must be MB, not {memory!r}")
        return _Entry(
            {key: table[key] for key in _SELECTORS if key in table},
            {name: self._phase(table[name], (*place, name)) for name in table if name in _PHASES},
            self._failures(table.get("failures", {}), (*place, "failures")),
            self._failures(table.get("init_failures", {}), (*place, "init_failures")),
            memory if isinstance(memory, int) else 0,
        )

    def _wrong(self, place: _Place, told: str) -> None:
        self.faults.append((place, told))

    def _phase(self, value: Any, place: _Place) -> tuple[Distribution, Distribution | None]:
        if isinstance(value, dict) and value.keys() & {"wait", "cpu"}:
            for key in value.keys() - {"wait", "cpu"}:
                self._wrong((*place, key), f"{place[-1]} has wait and cpu, and no {key}")
            work = self._distribution(value["cpu"], (*place, "cpu")) if "cpu" in value else None
            return self._distribution(value.get("wait", 0.0), (*place, "wait")), work
        return self._distribution(value, place), None

    def _distribution(self, value: Any, place: _Place) -> Distribution:
        name = ".".join(str(part) for part in place[2:])
        if _is_number(value):
            return Constant(float(value))
        if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= _KINDS.keys():
            kinds = ", ".join(_KINDS)
            self._wrong(place, f"{name} must be seconds, or one of {kinds}, not {value!r}")
            return Constant(0.0)
        [(kind, given)] = value.items()
        make, count, form = _KINDS[kind]
        numbers = given if isinstance(given, list) else [given]
        if not numbers or not all(map(_is_number, numbers)) or (count and len(numbers) != count):
            self._wrong(place, f"{name}: {kind} takes {form}, of at least 0, not {given!r}")
            return Constant(0.0)
        try:
            return _checked(make(*map(float, numbers)))
        except ValueError as error:
            self._wrong(place, f"{name}: {error}")
            return Constant(0.0)

    def _failures(self, value: Any, place: _Place) -> Shares:
        if not isinstance(value, dict):
            self._wrong(place, f"{place[-1]} must be a table of shares, not {value!r}")
            return ()
        found = []
        for key, share in value.items():
            allowed = key in _FAILURES and (key != "start" or place[-1] == "init_failures")
            if not allowed or not _is_number(share) or share > 1:
                names = ", ".join(_FAILURES)
                self._wrong(place, f"{place[-1]}.{key} must be one of {names} and a share up to 1")
            else:
                found.append((_FAILURES[key], float(share)))
        if sum(share for _, share in found) > 1:
            self._wrong(place, f"{place[-1]} are more than 1 together")
        return tuple(found)


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0


def _checked(distribution: Distribution) -> Distribution:
    """Returns the distribution, if its numbers go together.

    Raises:
        ValueError: they do not.
    """
    match distribution:
        case Uniform(least, most) if least > most:
            raise ValueError(f"uniform goes from {most} to {least}, not from {least} to {most}")
        case LogNormal(median, _) if median <= 0:
            raise ValueError("lognormal has a median above 0")
        case _:
            return distribution
