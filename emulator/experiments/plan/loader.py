"""Reads a study's plan from a TOML file.

    name = "small"
    template = "../functions/template.yaml"      # relative to the plan, as all paths

    [axes]                                       # every combination is a cell
    function = ["kdd99-numpy"]
    memory_mb = [256, 1024]

    [[scenario]]                                 # and every combination runs under each of these
    kind = "ramp"

A plan is refused with all of its faults at once, each with its place.
"""

from __future__ import annotations

import csv
import re
import tomllib
from typing import TYPE_CHECKING, Any

from emulator.core.policy import PickOrder
from emulator.core.profile import PROFILES
from emulator.errors import SettingsError
from emulator.experiments.plan.checks import contradictions
from emulator.experiments.plan.model import (
    IDLE_MINUTES,
    MINUTE,
    PROFILE_KEEP_ALIVE,
    RAMP_USERS,
    Axes,
    Loading,
    Ping,
    Plan,
    PlannedFunction,
    Scenario,
    ScenarioKind,
)
from emulator.experiments.plan.template import StudyTemplate
from emulator.experiments.plan.toml_table import PlanFaults, Table, as_number, as_whole, one_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PLAN_KEYS = (
    *("name", "template", "seed", "repetitions", "dilation", "page_cache", "init_timeout"),
    *("host_memory", "axes", "scenario", "functions"),
)
_COMMON = ("kind", "idle_speedup", "warm_up")
_SCENARIO_KEYS: Mapping[ScenarioKind, tuple[str, ...]] = {
    ScenarioKind.RAMP: ("users", "seconds", "wait_s", "ping"),
    ScenarioKind.IDLE: ("minutes",),
    ScenarioKind.CONSTANT: ("users", "seconds", "wait_s"),
    ScenarioKind.POISSON: ("rate", "seconds"),
    ScenarioKind.TRACE: ("file",),
    ScenarioKind.KEEP_WARM: ("minutes", "ping"),
}


def load(path: Path, *, backends: Sequence[str] = (), can_drop_caches: bool = True) -> Plan:
    """Reads and checks a plan.

    Args:
        path: the TOML file.
        backends: in place of the plan's axis.
        can_drop_caches: whether this process may empty the page cache.

    Raises:
        SettingsError: with all faults, a line each.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    faults = PlanFaults()
    top = Table(raw, "", faults)
    plan = _plan(top, raw, path, text, backends)
    template = _template(plan, faults)
    for place, message in contradictions(plan, template, can_drop_caches=can_drop_caches):
        faults.add(place, message)
    if faults:
        raise SettingsError(
            f"{path} is refused:\n" + "\n".join(f"  {line}" for line in faults.lines())
        )
    return plan


def _template(plan: Plan, faults: PlanFaults) -> StudyTemplate | None:
    try:
        return StudyTemplate(plan.template)
    except SettingsError as error:
        faults.add("template", str(error))
        return None


def _plan(top: Table, raw: dict[str, Any], path: Path, text: str, backends: Sequence[str]) -> Plan:
    top.known(_PLAN_KEYS)
    folder = path.parent.resolve()
    for key in ("axes", "scenario"):
        if key not in top:
            top.fault(key, "is missing")
    return Plan(
        name=_plan_name(top, path),
        text=text,
        raw=raw,
        template=folder / top.text("template", "../functions/template.yaml"),
        axes=_axes(top.table("axes"), backends),
        scenarios=_scenarios(top, folder),
        functions={
            name: _function(table, folder) for name, table in top.named_tables("functions").items()
        },
        repetitions=top.whole("repetitions", 1, least=1),
        seed=top.whole("seed", 0),
        dilation=top.values("dilation", (1,), lambda value: as_whole(value, 1)),
        page_cache=top.values("page_cache", ("hot",), one_of(("hot", "cold"))),
        init_timeout=top.number("init_timeout", 0, above=True) or None,
        host_memory=top.whole("host_memory", 0, least=128) or None,
    )


def _plan_name(top: Table, path: Path) -> str:
    name = top.text("name", path.stem)
    if not _NAME.fullmatch(name):
        top.fault("name", f"names a folder: letters, digits, dots and dashes, not {name!r}")
    return name


def _axes(table: Table, backends: Sequence[str]) -> Axes:
    default = Axes()
    table.known(Axes.__slots__)
    for key in ("function", "memory_mb"):
        if key not in table:
            table.fault(key, "is missing")
    return Axes(
        function=table.values("function", (), _name),
        memory_mb=table.values("memory_mb", (), lambda value: as_whole(value, 1)),
        loading=table.values("loading", default.loading, one_of(tuple(Loading))),
        profile=table.values("profile", default.profile, one_of(sorted(PROFILES))),
        backend=tuple(dict.fromkeys(backends))
        or table.values("backend", default.backend, one_of(("auto", "docker", "process"))),
        keep_alive=table.values("keep_alive", default.keep_alive, _keep_alive),
        pick_order=table.values("pick_order", default.pick_order, one_of(tuple(PickOrder))),
    )


def _name(raw: Any) -> str:
    if not isinstance(raw, str) or not raw:
        raise ValueError(f"must be a function's name, not {raw!r}")
    return raw


def _keep_alive(raw: Any) -> str:
    if raw == PROFILE_KEEP_ALIVE:
        return PROFILE_KEEP_ALIVE
    try:
        return f"{as_number(raw):.12g}"
    except ValueError:
        raise ValueError(f"must be seconds or {PROFILE_KEEP_ALIVE!r}, not {raw!r}") from None


def _function(table: Table, folder: Path) -> PlannedFunction:
    table.known(PlannedFunction.__slots__)
    path = table.text("path", "")
    if path and not path.startswith("/"):
        table.fault("path", f"must begin with a slash, not {path!r}")
    return PlannedFunction(path, table.file("payload", folder), table.folder("model", folder))


def _scenarios(top: Table, folder: Path) -> tuple[Scenario, ...]:
    found: list[Scenario] = []
    for table in top.tables("scenario"):
        kind = table.text("kind", "")
        if kind not in tuple(ScenarioKind):
            table.fault("kind", f"{kind!r} is none of {', '.join(ScenarioKind)}")
            continue
        if any(kind == other.kind for other in found):
            table.fault("kind", f"a second {kind} scenario: no table could tell them apart")
        found.append(_scenario(table, ScenarioKind(kind), folder))
    return tuple(found)


def _scenario(table: Table, kind: ScenarioKind, folder: Path) -> Scenario:
    table.known((*_COMMON, *_SCENARIO_KEYS[kind]), f"is not known in a {kind} scenario")
    idle = kind in (ScenarioKind.IDLE, ScenarioKind.KEEP_WARM)
    for key in _needed(kind):
        if key not in table:
            table.fault(key, "is missing")
    speedup = table.number("idle_speedup", 1.0, above=True)
    minutes = table.values("minutes", IDLE_MINUTES, as_number) if idle else ()
    if list(minutes) != sorted(minutes):
        table.fault("minutes", "must rise")
    trace = table.file("file", folder)
    return Scenario(
        kind=kind,
        seconds=_seconds(table, kind, minutes, speedup, trace),
        users=_users(table, kind),
        wait_s=table.number("wait_s", 0.1),
        minutes=minutes,
        rate=table.number("rate", 0.0, above=True),
        trace=trace,
        idle_speedup=speedup,
        warm_up=table.whole("warm_up", 0),
        ping=_ping(table.table("ping")) if "ping" in table else None,
    )


def _needed(kind: ScenarioKind) -> tuple[str, ...]:
    return {
        ScenarioKind.POISSON: ("rate",),
        ScenarioKind.TRACE: ("file",),
        ScenarioKind.KEEP_WARM: ("ping",),
    }.get(kind, ())


def _seconds(
    table: Table,
    kind: ScenarioKind,
    minutes: tuple[float, ...],
    speedup: float,
    trace: Path | None,
) -> float:
    match kind:
        case ScenarioKind.IDLE | ScenarioKind.KEEP_WARM:
            return max(minutes, default=0.0) * MINUTE / speedup
        case ScenarioKind.TRACE:
            return _last_arrival(table, trace)
        case _:
            return table.number("seconds", 120.0, above=True)


def _last_arrival(table: Table, trace: Path | None) -> float:
    """Of a CSV file with a column `at`: seconds since its beginning, rising."""
    if trace is None:
        return 0.0
    last = 0.0
    try:
        with trace.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if "at" not in (rows.fieldnames or ()):
                raise ValueError("has no column `at`")  # noqa: TRY301  # told as the others are
            for row in rows:
                at = as_number(float(row["at"]))
                if at < last:
                    raise ValueError(f"line {rows.line_num}: times must rise")  # noqa: TRY301
                last = at
    except (OSError, ValueError, TypeError) as error:
        table.fault("file", f"{trace.name} {error}")
    return last


def _users(table: Table, kind: ScenarioKind) -> tuple[int, ...]:
    default = RAMP_USERS if kind is ScenarioKind.RAMP else (1,)
    users = table.values("users", default, lambda value: as_whole(value, 1), repeats=True)
    if kind is ScenarioKind.CONSTANT and len(users) > 1:
        table.fault("users", "must be one number; steps make a ramp")
    return users


def _ping(table: Table) -> Ping:
    table.known(Ping.__slots__)
    if "every_minutes" not in table:
        table.fault("every_minutes", "is missing")
    return Ping(table.number("every_minutes", 5.0, above=True), table.whole("parallel", 1, least=1))
