"""One cell's rows of the request table, out of the run directory that it left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.billing import billed_ms, dollars
from emulator.core.model import StartKind
from emulator.core.profile import AWS_2018, AWS_2025, PROFILES
from emulator.experiments.records.request_table import RequestRow
from emulator.telemetry.log_lines import init_duration

if TYPE_CHECKING:
    from emulator.core.prices import Prices
    from emulator.core.records import InvocationRecord
    from emulator.experiments.plan.cells import Cell
    from emulator.experiments.records.run_directory import ClientRow, Run


def cell_rows(cell: Cell, run: Run, *, host_bound: bool) -> list[RequestRow]:
    """A row for each of the clients' rows, in the order in which they were sent.

    Invocations past the clients (warm-up) have none. Clients' times are divided by the dilation.
    """
    by_id = {record.invocation: record for record in run.invocations}
    clients = sorted(run.clients, key=lambda row: row.start)
    first = clients[0].start if clients else 0.0
    return [
        _row(
            cell,
            run.info.backend,
            client,
            by_id.get(client.request_id),
            round((client.start - first) / cell.dilation, 6),
            host_bound=host_bound,
        )
        for client in clients
    ]


def _row(
    cell: Cell,
    backend: str,
    client: ClientRow,
    record: InvocationRecord | None,
    sent_at_s: float,
    *,
    host_bound: bool,
) -> RequestRow:
    axes = cell.axes
    anatomy = record.anatomy if record else None
    ran = record if record and record.dispatched_at is not None else None
    init = init_duration(ran) if ran and ran.start is StartKind.COLD else 0.0
    return RequestRow(
        cell=cell.id,
        function=axes.function,
        memory_mb=axes.memory_mb,
        loading=axes.loading,
        profile=axes.profile,
        backend=backend,
        keep_alive=axes.keep_alive,
        pick_order=axes.pick_order,
        scenario=str(cell.scenario.kind),
        repetition=cell.repetition,
        user_count=client.users,
        sent_at_s=sent_at_s,
        latency_ms=client.latency_ms / cell.dilation,
        http_status=client.status,
        ok=not client.error,
        error=client.error,
        request_id=client.request_id,
        start=str((record.start if record else client.start_kind) or ""),
        sandbox=client.sandbox,
        queued_ms=_ms(record.queued) if record and anatomy else None,
        create_ms=_ms(anatomy.create) if anatomy else None,
        start_ms=_ms(anatomy.start) if anatomy else None,
        connect_ms=_ms(anatomy.connect) if anatomy else None,
        init_ms=_ms(anatomy.init) if anatomy else None,
        leftover_ms=_ms(anatomy.other) if anatomy else None,
        duration_ms=_ms(ran.duration) if ran else None,
        init_duration_ms=_ms(init) if init else None,
        billed_ms=_billed(ran, PROFILES[axes.profile].prices, init) if ran else None,
        dollars_2018=_dollars(ran, AWS_2018.prices, init) if ran else None,
        dollars_2025=_dollars(ran, AWS_2025.prices, init) if ran else None,
        max_memory_mb=ran.max_memory_mb if ran else None,
        throttled_ms=_ms(ran.throttled) if ran else None,
        emulator_status=str(record.status) if record else "",
        error_type=record.error_type if record else "",
        host_bound=host_bound,
    )


def _billed(record: InvocationRecord, prices: Prices, init: float) -> int:
    return billed_ms(prices, record.duration, init)


def _dollars(record: InvocationRecord, prices: Prices, init: float) -> float:
    return dollars(prices, record.memory_mb, _billed(record, prices, init))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 6)
