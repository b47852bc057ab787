"""An emulator's own run directory as a study: a cell a function, and its requests as rows.

The rows are those of a study's table, so that all that reads a study reads any run. A function
whose clients wrote rows is told by these alone, any other by the emulator's journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.billing import billed_ms, dollars
from emulator.core.model import StartKind
from emulator.core.profile import AWS_2018, AWS_2025, PROFILES
from emulator.core.records import Status
from emulator.experiments.records.request_table import RequestRow
from emulator.experiments.records.run_directory import join
from emulator.experiments.records.study import DONE, REQUESTS, Cell, Condition, StudyRun
from emulator.telemetry.log_lines import init_duration

if TYPE_CHECKING:
    from emulator.core.profile import Profile
    from emulator.core.records import InvocationRecord
    from emulator.experiments.records.run_directory import Request, Run

UNKNOWN_USERS = -1
"""Of a request that only the emulator saw."""
_OK = 200
_ANATOMY = ("queued_ms", "create_ms", "start_ms", "connect_ms", "init_ms", "leftover_ms")
_USAGE = (
    *("duration_ms", "init_duration_ms", "billed_ms", "dollars_2018", "dollars_2025"),
    *("max_memory_mb", "throttled_ms"),
)
_STARTS = {StartKind.SUPPRESSED: "suppressed"}


def as_study(run: Run) -> StudyRun:
    """In the order of the template's functions, then by name."""
    grouped: dict[str, list[Request]] = {}
    for request in join(run):
        grouped.setdefault(request.function, []).append(request)
    order = {name: place for place, name in enumerate(run.info.functions)}
    names = sorted(grouped, key=lambda name: (order.get(name, len(order)), name))
    cells = tuple(_cell(run, name, grouped[name]) for name in names)
    rows = {cell.id: rows_of(cell, run, grouped[cell.condition.function]) for cell in cells}
    return StudyRun(
        path=run.path,
        name=run.info.name,
        started_at=run.info.started_at,
        seed=run.info.seed,
        versions=run.info.versions,
        machine=run.info.machine,
        plan_text="",
        cells=cells,
        rows=rows,
        problems=run.notes,
        unenforced=run.info.unenforced,
        runs={run.path: run},
    )


def _cell(run: Run, function: str, requests: list[Request]) -> Cell:
    settings = run.info.settings
    keep_alive = settings.get("keep_alive")
    memory = next((request.record.memory_mb for request in requests if request.record), 0)
    return Cell(
        id=function,
        condition=Condition(
            function=function,
            loading="",
            profile=run.info.profile,
            backend=run.info.backend,
            keep_alive="profile" if keep_alive is None else f"{float(keep_alive):g}",
            pick_order=str(settings.get("pick_order") or ""),
            scenario=REQUESTS,
            dilation=float(settings.get("dilation") or 1),
            page_cache="",
        ),
        memory_mb=memory,
        repetition=1,
        idle_speedup=float(settings.get("idle_speedup") or 1),
        status=DONE,
        error="",
        host_bound="",
        folder=run.path,
    )


def rows_of(cell: Cell, run: Run, requests: list[Request]) -> tuple[RequestRow, ...]:
    """The rows of one function's requests, in the order of their times."""
    seen = [request for request in requests if request.client is not None] or requests
    # client times are the wall's, which runs `dilation` times faster than the emulated Lambda's
    pairs = sorted(((_sent(run, request), request) for request in seen), key=lambda pair: pair[0])
    first = pairs[0][0] if pairs else 0.0
    profile = PROFILES.get(run.info.profile, AWS_2025)
    return tuple(_row(cell, request, at - first, profile) for at, request in pairs)


def _sent(run: Run, request: Request) -> float:
    if request.client is not None:
        return request.client.start
    assert request.record is not None
    return run.info.started_at + request.record.requested_at


def _row(cell: Cell, request: Request, sent: float, profile: Profile) -> RequestRow:
    condition, client, record = cell.condition, request.client, request.record
    dilation = condition.dilation if client is not None else 1.0
    values: dict[str, Any] = {
        "cell": cell.id,
        "function": condition.function,
        "memory_mb": cell.memory_mb,
        "loading": condition.loading,
        "profile": condition.profile,
        "backend": condition.backend,
        "keep_alive": condition.keep_alive,
        "pick_order": condition.pick_order,
        "scenario": condition.scenario,
        "repetition": cell.repetition,
        "sent_at_s": sent / dilation,
        "host_bound": bool(cell.host_bound),
    }
    if client is not None:
        values |= {
            "user_count": client.users,
            "latency_ms": client.latency_ms / dilation,
            "http_status": client.status,
            "ok": client.status == _OK and not client.error,
            "error": client.error,
            "request_id": client.request_id,
            "start": _start(client.start_kind),
            "sandbox": client.sandbox,
        }
    else:
        assert record is not None
        values |= {
            "user_count": UNKNOWN_USERS,
            "latency_ms": record.latency * 1000,
            "http_status": _OK if record.status is Status.OK else 0,
            "ok": record.status is Status.OK,
            "error": "" if record.status is Status.OK else record.status.value,
            "request_id": record.invocation,
        }
    return RequestRow(**values | _of_record(record, profile))


def _of_record(record: InvocationRecord | None, profile: Profile) -> dict[str, Any]:
    """The journal's columns; it is the truth of the run, and outranks what a client saw."""
    if record is None:
        nothing: dict[str, Any] = dict.fromkeys((*_ANATOMY, *_USAGE))
        return nothing | {"emulator_status": "", "error_type": ""}
    ran = record.dispatched_at is not None
    init = init_duration(record)
    return _anatomy(record) | {
        "start": _start(record.start),
        "sandbox": "" if record.sandbox is None else str(record.sandbox),
        "duration_ms": record.duration * 1000 if ran else None,
        "init_duration_ms": init * 1000 if record.anatomy else None,
        "billed_ms": billed_ms(profile.prices, record.duration, init) if ran else None,
        "dollars_2018": _dollars(record, AWS_2018) if ran else None,
        "dollars_2025": _dollars(record, AWS_2025) if ran else None,
        "max_memory_mb": record.max_memory_mb or None,
        "throttled_ms": record.throttled * 1000 if ran else None,
        "emulator_status": record.status.value,
        "error_type": record.error_type,
    }


def _anatomy(record: InvocationRecord) -> dict[str, Any]:
    parts = record.anatomy
    if parts is None or record.dispatched_at is None:
        return dict.fromkeys(_ANATOMY)
    known = parts.create + parts.start + parts.connect + parts.init
    whole = record.dispatched_at - record.requested_at
    return {
        "queued_ms": record.queued * 1000,
        "create_ms": parts.create * 1000,
        "start_ms": parts.start * 1000,
        "connect_ms": parts.connect * 1000,
        "init_ms": parts.init * 1000,
        "leftover_ms": max(0.0, whole - record.queued - known) * 1000,
    }


def _dollars(record: InvocationRecord, profile: Profile) -> float:
    billed = billed_ms(profile.prices, record.duration, init_duration(record))
    return dollars(profile.prices, record.memory_mb, billed)


def _start(kind: StartKind | None) -> str:
    return "" if kind is None else _STARTS.get(kind, kind.value)
