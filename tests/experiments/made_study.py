"""A study's run directory made by hand: virtual users on virtual sandboxes, the same every time.

It follows what `testbed experiment` leaves, so that reports can be tested without running one.
"""

from __future__ import annotations

import heapq
import json
import random
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from emulator.core.billing import billed_ms, dollars
from emulator.core.journal import Entry, encode
from emulator.core.messages.commands import Dispatch, FreezeSandbox, StartSandbox
from emulator.core.messages.events import (
    InvocationFinished,
    InvokeRequested,
    SandboxReady,
    VersionDeployed,
)
from emulator.core.messages.measurements import Anatomy
from emulator.core.model import FunctionVersion, StartKind
from emulator.core.profiles import PROFILES
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.experiments.records.client_rows import ClientRow, append_client_rows
from emulator.experiments.records.request_table import RequestRow, write_csv

if TYPE_CHECKING:
    from pathlib import Path

ORIGIN = 1_700_000_000.0
TF, JAVA = "kdd99-tf", "kdd99-java"
WARM_MS = {
    (TF, 256): 420.0,
    (TF, 512): 190.0,
    (TF, 1024): 185.0,
    (JAVA, 256): 17_000.0,
    (JAVA, 512): 600.0,
    (JAVA, 1024): 300.0,
}
INIT_S = {TF: 2.0, JAVA: 4.0}
MINUTES = (0, 6, 16, 31, 61)


@dataclass(frozen=True)
class CellPlan:
    function: str = TF
    memory_mb: int = 512
    scenario: str = "ramp"
    repetition: int = 1
    warm_ms: float = 0.0
    """0: as in the table above."""
    host_bound: str = ""
    host_remark: str = ""
    status: str = "done"
    profile: str = "aws-2018"
    backend: str = "process"
    keep_alive: str = "profile"
    lifetime_min: float = 27.0

    @property
    def id(self) -> str:
        parts = (self.function, self.memory_mb, self.scenario, self.repetition)
        return "-".join(str(part) for part in parts)

    @property
    def seconds(self) -> float:
        return self.warm_ms / 1000 or WARM_MS[self.function, self.memory_mb] / 1000


@dataclass
class MadeCell:
    plan: CellPlan
    speedup: float = 1.0
    entries: list[Entry] = field(default_factory=list)
    rows: list[RequestRow] = field(default_factory=list)
    clients: list[ClientRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        plan = self.plan
        self.chance = random.Random(f"{plan.id} {plan.warm_ms}")
        version = FunctionVersion(plan.function, plan.memory_mb, 30)
        self.key = version.key
        self.entries.append(Entry(0.0, VersionDeployed(version), ()))
        self.sandboxes = 0

    def ask(self, at: float, users: int, sandbox: int | None) -> tuple[float, int]:
        """One request; where no sandbox is given a new one starts. When it ends, and where."""
        plan, request = self.plan, f"r{len(self.rows)}"
        took = plan.seconds * self.chance.lognormvariate(0, 0.15)
        asked = InvokeRequested(request, self.key)
        if sandbox is None:
            self.sandboxes += 1
            sandbox, start = self.sandboxes, StartKind.COLD
            parts = Anatomy(0.05, 0.03, 0.1, INIT_S[plan.function] * self.chance.uniform(0.9, 1.1))
            waited = parts.create + parts.start + parts.connect + parts.init
            # the first call of the handler is the dearer the less CPU there is
            took += 0.2 * INIT_S[plan.function] * 1024 / plan.memory_mb
            told = (StartSandbox(sandbox, self.key, request),)
            dispatch = Dispatch(sandbox, request, start)
            self.entries.append(Entry(at, asked, told))
            self.entries.append(Entry(at + waited, SandboxReady(sandbox, parts), (dispatch,)))
        else:
            start, parts, waited = StartKind.WARM, None, 0.0
            self.entries.append(Entry(at, asked, (Dispatch(sandbox, request, start),)))
        end = at + waited + took
        finished = InvocationFinished(sandbox, request, max_memory_mb=180)
        self.entries.append(Entry(end, finished, (FreezeSandbox(sandbox),)))
        self._note(request, at, waited + took, took, start, sandbox, users, parts)
        return end, sandbox

    def _note(  # noqa: PLR0917  # one request
        self,
        request: str,
        at: float,
        latency: float,
        took: float,
        start: StartKind,
        sandbox: int,
        users: int,
        parts: Anatomy | None,
    ) -> None:
        plan = self.plan
        init = parts.connect + parts.init if parts else 0.0
        bills = {
            profile.name: billed_ms(profile.prices, took, init) for profile in (AWS_2018, AWS_2025)
        }
        self.rows.append(
            RequestRow(
                cell=plan.id,
                function=plan.function,
                memory_mb=plan.memory_mb,
                loading="package",
                profile=plan.profile,
                backend=plan.backend,
                keep_alive=plan.keep_alive,
                pick_order="most-recently-used",
                scenario=plan.scenario,
                repetition=plan.repetition,
                user_count=users,
                sent_at_s=at,
                latency_ms=latency * 1000,
                http_status=200,
                ok=True,
                error="",
                request_id=request,
                start=start.value,
                sandbox=str(sandbox),
                queued_ms=0.0 if parts else None,
                create_ms=parts.create * 1000 if parts else None,
                start_ms=parts.start * 1000 if parts else None,
                connect_ms=parts.connect * 1000 if parts else None,
                init_ms=parts.init * 1000 if parts else None,
                leftover_ms=0.0 if parts else None,
                duration_ms=took * 1000,
                init_duration_ms=init * 1000 if parts else None,
                billed_ms=bills[plan.profile],
                dollars={
                    "2018": dollars(AWS_2018.prices, plan.memory_mb, bills["aws-2018"]),
                    "2025": dollars(AWS_2025.prices, plan.memory_mb, bills["aws-2025"]),
                },
                max_memory_mb=180,
                throttled_ms=took * 100,
                emulator_status="ok",
                error_type="",
                host_bound=bool(plan.host_bound),
            )
        )
        row = (request, ORIGIN + at, latency * 1000, 200, start, str(sandbox), users, "/", "")
        self.clients.append(ClientRow(*row))


def ramp(plan: CellPlan, seconds: float = 40.0) -> MadeCell:
    """3, 6, 9, then 18 users, each a quarter of the time."""
    cell = MadeCell(plan)
    steps = (3, 6, 9, 18)
    queue = [
        (seconds / 4 * step, user)
        for step, users in enumerate(steps)
        for user in range(steps[step - 1] if step else 0, users)
    ]
    heapq.heapify(queue)
    idle: list[tuple[float, int]] = []
    while queue:
        at, user = heapq.heappop(queue)
        if at >= seconds:
            continue
        free = [entry for entry in idle if entry[0] <= at]
        chosen = max(free) if free else None
        if chosen:
            idle.remove(chosen)
        users = steps[min(3, int(at / (seconds / 4)))]
        end, sandbox = cell.ask(at, users, chosen[1] if chosen else None)
        idle.append((end, sandbox))
        heapq.heappush(queue, (end + 0.05, user))
    return cell


def idle(plan: CellPlan, ping_every_min: float = 0.0) -> MadeCell:
    """Single requests at the study's minutes; idle time runs 60 times faster."""
    cell = MadeCell(plan, speedup=60.0)
    gaps = [0.0, *(after - before for before, after in pairwise(MINUTES))]
    at, users_end = 0.0, 0.0
    last: tuple[float, int] | None = None
    for gap in gaps:
        while ping_every_min and at + ping_every_min * 60 / cell.speedup < _asked(
            users_end, gap, cell.speedup
        ):
            at += ping_every_min * 60 / cell.speedup
            last = _single(cell, at, 0, last)
        at = max(_asked(users_end, gap, cell.speedup), last[0] if last else 0.0)
        last = _single(cell, at, 1, last)
        users_end = at = last[0]
    cell.rows.sort(key=lambda row: row.sent_at_s)
    return cell


def _asked(users_end: float, gap_min: float, speedup: float) -> float:
    """Gaps are kept from the end of one answer to the next request."""
    return users_end + gap_min * 60 / speedup


def _single(
    cell: MadeCell, at: float, users: int, last: tuple[float, int] | None
) -> tuple[float, int]:
    kept = last and (at - last[0]) * cell.speedup / 60 < cell.plan.lifetime_min
    return cell.ask(at, users, last[1] if last and kept else None)


def make(plan: CellPlan) -> MadeCell:
    quick = replace(plan, warm_ms=plan.warm_ms or 30.0)
    match plan.scenario:
        case "idle":
            return idle(quick)
        case "keep-warm":
            return idle(quick, ping_every_min=5.0)
        case _:
            return ramp(plan)


def write_study(path: Path, plans: list[CellPlan], **changes: Any) -> Path:
    """Writes the directory; a plan that is not done leaves nothing but its line."""
    path.mkdir(parents=True)
    rows: list[RequestRow] = []
    for plan in plans:
        if plan.status == "done":
            cell = make(plan)
            _write_cell(path / "cells" / plan.id, cell)
            rows += cell.rows
    write_csv(path / "requests.csv", rows)
    study = {
        "name": "made",
        "plan": {},
        "plan_text": "[study]\nname = 'made'\n",
        "seed": 1,
        "versions": {"numpy": "2.0"},
        "machine": {"kernel": "Linux 6", "hz": 250, "cpus": 2, "memory_mb": 8192},
        "started_at": ORIGIN,
        "finished_at": ORIGIN + 600,
        "cells": [_described(plan) for plan in plans],
    }
    (path / "study.json").write_text(json.dumps(study | changes))
    return path


def _write_cell(folder: Path, cell: MadeCell) -> None:
    folder.mkdir(parents=True)
    plan = cell.plan
    facts = {"name": plan.id, "started_at": ORIGIN, "profile": plan.profile}
    facts |= {"backend": plan.backend, "functions": {plan.function: {}}}
    assert plan.profile in PROFILES
    (folder / "run.json").write_text(json.dumps(facts))
    entries = sorted(cell.entries, key=lambda entry: entry.at)
    (folder / "journal.jsonl").write_text("".join(encode(e) + "\n" for e in entries))
    append_client_rows(folder / "clients.csv", cell.clients)


def _described(plan: CellPlan) -> dict[str, Any]:
    return {
        "id": plan.id,
        "axes": {
            "function": plan.function,
            "memory_mb": plan.memory_mb,
            "loading": "package",
            "profile": plan.profile,
            "backend": plan.backend,
            "keep_alive": plan.keep_alive,
            "pick_order": "most-recently-used",
        },
        "scenario": plan.scenario,
        "repetition": plan.repetition,
        "dilation": 1,
        "idle_speedup": 60.0 if plan.scenario in ("idle", "keep-warm") else 1.0,
        "page_cache": "hot",
        "status": plan.status,
        "error": "Locust ended with exit code 1" if plan.status == "failed" else "",
        "host": {
            "verdict": "host-bound" if plan.host_bound else "ok",
            "why": plan.host_bound,
            "cpu_p95": 0.5,
            "steal_p95": 0.0,
            "load_max": 1.0,
            "mem_available_min_mb": 4000,
            "remark": plan.host_remark,
        },
    }


def the_study() -> list[CellPlan]:
    """Twelve cells: both functions at three sizes, single requests, and keep-warm pings."""
    cells = [CellPlan(function, size) for function in (TF, JAVA) for size in (256, 512, 1024)]
    cells += [CellPlan(TF, size, "idle") for size in (256, 512, 1024)]
    cells += [CellPlan(JAVA, 512, "idle")]
    return cells + [CellPlan(function, 512, "keep-warm") for function in (TF, JAVA)]
