"""`testbed bill`: what AWS would ask for a run, line by line, under one dated price table.

A run is a folder of `testbed up`, or one of `testbed experiment`, whose cells are added up. Time is
the emulated Lambda's, so a dilated run costs what it would undilated. Where idle time ran faster
(`--idle-speedup`), provisioned concurrency was held only as long as the run says.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from emulator.core.billing import (
    Charge,
    ChargeKind,
    Size,
    billed_ms,
    held,
    initialization,
    invocation,
    sum_up,
)
from emulator.core.model import StartKind
from emulator.core.prices import Architecture, Prices
from emulator.core.profiles import PRICE_TABLES
from emulator.errors import RunDirectoryError, SettingsError
from emulator.experiments.analysis import formatting
from emulator.experiments.records.price_tables import prices_of
from emulator.experiments.records.run_directory import RUN, read_run
from emulator.experiments.report.text import aligned_table
from emulator.telemetry.log_lines import init_duration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.core.billing import Bill
    from emulator.core.records import InvocationRecord
from emulator.experiments.records.run_directory import Run

_HEAD = (
    "function",
    "memory",
    "CPU",
    "charge",
    "requests",
    "GB-s",
    "compute",
    "storage",
    "requests",
)
_ROUND = 6

Line = tuple[str, Size, Charge]
"""A function's name, what its price depends on, and one charge."""


def bill_run(path: Path, *, prices: str = "", free_tier: bool = False) -> str:
    """The bill as text. `prices` names a table, or is empty for that of the run's profile.

    Raises:
        RunDirectoryError: there is no run, or it is damaged.
        SettingsError: what was run could not be bought on the table's date.
    """
    runs = [read_run(folder) for folder in _folders(path)]
    table = PRICE_TABLES[prices] if prices else prices_of(runs[0].info.profile)
    try:
        lines = [line for run in runs for line in _lines(run, table)]
    except ValueError as error:
        raise SettingsError(f"{path} has no bill of {table.date}: {error}.") from error
    whole = sum_up(table, (charge for *_, charge in lines))
    rows = [_HEAD, *_rows(lines)]
    title = f"{path}: prices of {table.date}, us-east-1, without API Gateway"
    incomplete = [f"Incomplete: {sentence}" for run in runs for sentence in run.missing]
    totals = _totals(whole, free_tier=free_tier)
    return "\n".join([title, *incomplete, "", *aligned_table(rows), "", *totals])


def _folders(path: Path) -> list[Path]:
    if (path / RUN).is_file():
        return [path]
    if cells := sorted(one.parent for one in path.glob(f"cells/*/{RUN}")):
        return cells
    raise RunDirectoryError(f"{path} is no run directory: it has no {RUN} and no cells.")


def _lines(run: Run, prices: Prices) -> Iterator[Line]:
    for record in run.invocations:
        if record.dispatched_at is not None:
            size = _size(run, record.function, record.memory_mb)
            yield record.function, size, _invocation(prices, size, record)
    for sandbox in run.sandboxes:
        if sandbox.provisioned and sandbox.anatomy is not None:
            size = _size(run, sandbox.function, sandbox.memory_mb)
            init = sandbox.anatomy.connect + sandbox.anatomy.init
            yield sandbox.function, size, initialization(prices, size, init)
    for of in run.provisioned:
        size = _size(run, of.function, of.memory_mb)
        yield of.function, size, held(prices, size, of.sandboxes, of.until - of.since)


def _invocation(prices: Prices, size: Size, record: InvocationRecord) -> Charge:
    init = init_duration(record) if record.start is StartKind.COLD else 0.0
    provisioned = record.start is StartKind.PROVISIONED
    billed = billed_ms(prices, record.duration, init)
    return invocation(prices, size, billed, provisioned=provisioned)


def _size(run: Run, function: str, memory_mb: int) -> Size:
    """Of a run whose run.json does not know the function, as AWS has it by default."""
    known: dict[str, Any] = run.info.functions.get(function, {})
    size = Size(memory_mb)
    return replace(
        size,
        architecture=Architecture(known.get("architecture", size.architecture)),
        storage_mb=int(known.get("ephemeral_storage_mb", size.storage_mb)),
    )


def _rows(lines: list[Line]) -> Iterator[tuple[str, ...]]:
    """One for each function, size and kind of charge."""

    def key(line: Line) -> tuple[str, int, str, int, int]:
        function, size, charge = line
        kind = list(ChargeKind).index(charge.kind)
        return function, size.memory_mb, size.architecture, size.storage_mb, kind

    for (function, memory_mb, architecture, *_), group in groupby(sorted(lines, key=key), key=key):
        charges = [charge for *_, charge in group]
        total = charges[0]
        for charge in charges[1:]:
            total = total.plus(charge)
        yield (
            function,
            formatting.memory(memory_mb),
            architecture,
            total.kind.value,
            formatting.count(total.requests),
            f"{round(total.gb_seconds, _ROUND):,g}",
            formatting.money(total.compute),
            formatting.money(total.storage),
            formatting.money(total.request),
        )


def _totals(whole: Bill, *, free_tier: bool) -> Iterator[str]:
    yield f"In all: {formatting.money(whole.dollars())}"
    million = whole.per_million_requests()
    if million is not None:
        yield f"A million such requests: {formatting.money(million)}"
    if free_tier:
        prices, left = whole.prices, whole.dollars(free_tier=True)
        yield (
            f"With a month's free tier ({prices.free_requests:,} requests and "
            f"{prices.free_gb_seconds:,} GB-s on demand): {formatting.money(left)}"
        )
