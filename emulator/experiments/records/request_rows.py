"""Builds the rows of the request table: the one place where a journal and its clients are joined.

Owns which side is believed: the journal is the truth of a run and outranks what a client saw; the
client alone knows its latency, its status and what went wrong on the way. Does not know whether a
row is for a study's table or for the report of an emulator's own run.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from emulator.core.profiles import PRICE_TABLES
from emulator.core.records import Status
from emulator.experiments.records.charges import dollars_by_table, size_of
from emulator.experiments.records.event_ends import event_columns, executed_at
from emulator.experiments.records.price_tables import prices_of
from emulator.experiments.records.request_table import RequestRow
from emulator.experiments.records.run_directory import join
from emulator.telemetry.log_lines import billed_duration_ms, init_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.messages.measurements import MemoryUse
    from emulator.core.records import InvocationRecord
    from emulator.experiments.records.client_rows import ClientRow
    from emulator.experiments.records.run_directory import Request, Run, RunInfo
    from emulator.experiments.records.study import MeasuredCell

UNKNOWN_USERS = -1
"""The user count of a request that only the emulator saw."""
_OK = 200
_ANATOMY = ("queued_ms", "create_ms", "start_ms", "connect_ms", "init_ms", "leftover_ms")
_MEMORY = ("anonymous_mb", "cache_mb", "major_faults", "refaults")
_USAGE = ("duration_ms", "init_duration_ms", "billed_ms", "max_memory_mb", "throttled_ms")


def cell_rows(cell: MeasuredCell, run: Run) -> tuple[RequestRow, ...]:
    """Returns the rows of a cell whose emulator served the cell's function alone."""
    function = cell.condition.function
    return rows_of(cell, run, [r for r in join(run) if r.client or r.function == function])


def rows_of(cell: MeasuredCell, run: Run, requests: Iterable[Request]) -> tuple[RequestRow, ...]:
    """Returns a row for each of one function's requests, in the order in which they were sent.

    Where clients wrote rows, these alone count: warm-up requests are in the journal only.
    """
    joined = list(requests)
    seen = [request for request in joined if request.client is not None] or joined
    timed = sorted(((_sent(run, request), request) for request in seen), key=lambda pair: pair[0])
    first = timed[0][0] if timed else 0.0
    return tuple(_row(cell, run, request, at - first) for at, request in timed)


def _sent(run: Run, request: Request) -> float:
    if request.client is not None:
        return request.client.start
    assert request.record is not None
    return run.info.started_at + request.record.requested_at


def _row(cell: MeasuredCell, run: Run, request: Request, sent_s: float) -> RequestRow:
    condition, client, record = cell.condition, request.client, request.record
    # a client's times are the wall's, on which the emulated Lambda runs `dilation` times slower
    dilation = cell.dilation if client is not None else 1.0
    values: dict[str, Any] = {
        "cell": cell.id,
        "function": condition.function,
        "memory_mb": cell.memory_mb,
        "loading": condition.loading,
        "profile": condition.profile,
        "backend": run.info.backend,
        "keep_alive": condition.keep_alive,
        "pick_order": condition.pick_order,
        "scenario": condition.scenario,
        "repetition": cell.repetition,
        "sent_at_s": round(sent_s / dilation, 6),
        "host_bound": bool(cell.host_bound),
    }
    if client is not None:
        values |= _of_client(client, dilation)
    elif record is not None:
        values |= _without_client(record)
    values |= _of_record(record, run.info, condition.profile)
    if request.is_event:
        values |= _of_event(cell, run, request, sent_s, dilation)
    return RequestRow(**values)


def _of_event(
    cell: MeasuredCell, run: Run, request: Request, sent_s: float, dilation: float
) -> dict[str, Any]:
    """Returns an event's own columns, and the dollars of all of its attempts."""
    values = event_columns(request, cell.idle_speedup)
    if (at := executed_at(request)) is not None:
        after = run.info.started_at + at * dilation - _sent(run, request)
        values["executed_at_s"] = round((sent_s + after) / dilation, 6)
    dollars: Counter[str] = Counter()
    for record in request.attempts:
        if record.dispatched_at is not None:
            size = size_of(run.info, record.function, record.memory_mb)
            dollars.update(dollars_by_table(PRICE_TABLES, size, record))
    return values | {"dollars": dict(dollars)}


def _of_client(client: ClientRow, dilation: float) -> dict[str, Any]:
    return {
        "user_count": client.users,
        "latency_ms": client.latency_ms / dilation,
        "http_status": client.status,
        "ok": not client.error,
        "error": client.error,
        "request_id": client.request_id,
        "start": str(client.start_kind or ""),
        "sandbox": client.sandbox,
    }


def _without_client(record: InvocationRecord) -> dict[str, Any]:
    ok = record.status is Status.OK
    return {
        "user_count": UNKNOWN_USERS,
        "latency_ms": _ms(record.client_latency),
        "http_status": _OK if ok else 0,
        "ok": ok,
        "error": "" if ok else record.status.value,
        "request_id": record.invocation,
    }


def _of_record(record: InvocationRecord | None, info: RunInfo, profile: str) -> dict[str, Any]:
    """Returns the journal's columns; `start` and `sandbox` only where there is a journal."""
    nothing: dict[str, Any] = dict.fromkeys((*_ANATOMY, *_USAGE))
    if record is None:
        return nothing | {"dollars": {}, "emulator_status": "", "error_type": ""}
    values = nothing | {
        "start": str(record.start or ""),
        "sandbox": "" if record.sandbox is None else str(record.sandbox),
        "dollars": {},
        "emulator_status": record.status.value,
        "error_type": record.error_type,
        "network_ms": _ms(record.network),
        "gateway_ms": _ms(record.gateway),
    }
    if record.dispatched_at is None:
        return values
    init = init_duration(record)
    size = size_of(info, record.function, record.memory_mb)
    return values | {
        **_anatomy(record, record.dispatched_at),
        "waited_ms": _ms(record.dispatched_at - record.requested_at),
        "duration_ms": _ms(record.duration),
        "init_duration_ms": _ms(init) if record.anatomy else None,
        "billed_ms": billed_duration_ms(prices_of(profile), record),
        "dollars": dollars_by_table(PRICE_TABLES, size, record),
        # a backend that could not tell says 0, and so does a sandbox that was killed
        "max_memory_mb": record.max_memory_mb or None,
        "throttled_ms": _ms(record.throttled),
        **_memory(record.memory),
    }


def _memory(used: MemoryUse | None) -> dict[str, Any]:
    if used is None:
        return {}
    found: dict[str, Any] = {name: getattr(used, name) for name in _MEMORY}
    if (jvm := used.jvm) is not None:
        found |= {"heap_mb": jvm.heap_mb, "metaspace_mb": jvm.metaspace_mb}
        found |= {"gc_count": jvm.gc_count, "gc_ms": _ms(jvm.gc_seconds)}
    return found


def _anatomy(record: InvocationRecord, dispatched_at: float) -> dict[str, Any]:
    """Returns the parts of the cold start that the request waited for; none for a warm start."""
    parts = record.anatomy
    if parts is None:
        return {}
    known = parts.create + parts.start + parts.connect + parts.init
    waited = dispatched_at - record.requested_at
    return {
        "queued_ms": _ms(record.queued),
        "download_ms": _ms(record.download),
        "create_ms": _ms(parts.create),
        "start_ms": _ms(parts.start),
        "connect_ms": _ms(parts.connect),
        "init_ms": _ms(parts.init),
        # not the sandbox's own `other`: under late binding a request also waits for a sandbox
        # that another one gets, and the parts must add up to what the request waited
        "leftover_ms": _ms(max(0.0, waited - record.queued - record.download - known)),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 6)
