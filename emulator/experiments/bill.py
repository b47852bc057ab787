"""Adds up what AWS would ask for a run, under one dated price table: `testbed bill`.

A run is a folder of `testbed up`, or one of `testbed experiment`, whose cells are added up. Time is
the emulated Lambda's, so a dilated run costs what it would undilated. Where idle time ran faster
(`--idle-speedup`), provisioned concurrency was held only as long as the run says. What each charge
costs is the core's to say; this module finds the charges of a run, and lays them out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from emulator.core.billing import (
    Charge,
    ChargeKind,
    Size,
    api_dollars,
    held,
    initialization,
    snapshot_kept,
    sum_up,
)
from emulator.core.profiles import PRICE_TABLES
from emulator.errors import RunDirectoryError, SettingsError
from emulator.experiments.analysis import formatting
from emulator.experiments.records.charges import invocation_charge, size_of
from emulator.experiments.records.price_tables import prices_of
from emulator.experiments.records.run_directory import RUN, read_run
from emulator.experiments.report.text import aligned_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from emulator.core.billing import Bill
    from emulator.core.prices import Api, Prices
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
    "snapshots",
)
_DECIMALS = 6
"""Digits of a GB-second that are printed."""


@dataclass(frozen=True, slots=True)
class BillLine:
    """Holds a charge, and the function and size that it is for."""

    function: str
    size: Size
    charge: Charge

    @property
    def key(self) -> tuple[str, int, str, int, int]:
        """What lines that are added up have in common, in the order of the bill."""
        kind = list(ChargeKind).index(self.charge.kind)
        size = self.size
        return self.function, size.memory_mb, size.architecture, size.storage_mb, kind


@dataclass(frozen=True, slots=True)
class RunBill:
    """Holds the bill of a run."""

    path: Path
    prices: Prices
    lines: tuple[BillLine, ...]
    """A line for each function, size and kind of charge."""
    whole: Bill
    asked: int
    """Requests that came, throttled ones among them."""
    missing: tuple[str, ...]
    """Sentences on what the run's records miss: the bill is too low by that."""


def bill_run(
    path: Path, *, prices: str = "", free_tier: bool = False, api: Api | None = None
) -> str:
    """Returns the bill of a run as text.

    Args:
        path: a run directory of an emulator or of a study.
        prices: the name of a price table; empty for that of the run's profile.
        free_tier: whether to take off a month's free tier.
        api: the kind of API that every request came through, whose price is told besides.

    Raises:
        RunDirectoryError: there is no run, or it is damaged.
        SettingsError: there is no price table of that name, or what was run could not be bought on
            the table's date.
    """
    bill = read_bill(path, prices=prices)
    text = bill_text(bill, free_tier=free_tier)
    if api is None:
        return text
    money = formatting.money(_gateway(bill, api))
    return f"{text}\nAPI Gateway ({api}) besides, for {bill.asked:,} requests: {money}"


def _gateway(bill: RunBill, api: Api) -> float:
    try:
        return api_dollars(bill.prices, bill.asked, api)
    except ValueError as error:
        raise SettingsError(f"{bill.path} has no bill of {bill.prices.date}: {error}.") from error


def bill_figures(
    path: Path, *, prices: str = "", free_tier: bool = False, api: Api | None = None
) -> dict[str, Any]:
    """Returns the bill in dollars as JSON has it: a charge for each function, size and kind.

    Args and errors are those of `bill_run`.
    """
    bill = read_bill(path, prices=prices)
    return {
        "prices": bill.prices.date,
        "incomplete": bill.missing,
        "charges": [
            {
                "function": line.function,
                "memory_mb": line.size.memory_mb,
                "architecture": line.size.architecture,
                "storage_mb": line.size.storage_mb,
                **asdict(line.charge),
            }
            for line in bill.lines
        ],
        "dollars": bill.whole.dollars(free_tier=free_tier),
        "dollars_per_million_requests": bill.whole.per_million_requests(),
    } | ({} if api is None else {"api_gateway_dollars": _gateway(bill, api)})


def read_bill(path: Path, *, prices: str = "") -> RunBill:
    """Adds up the charges of a run; arguments and errors are those of `bill_run`."""
    if prices and prices not in PRICE_TABLES:
        raise SettingsError(f"--prices {prices} is none of {', '.join(PRICE_TABLES)}.")
    runs = [read_run(folder) for folder in _folders(path)]
    table = PRICE_TABLES[prices] if prices else prices_of(runs[0].info.profile)
    try:
        lines = [line for run in runs for line in _lines(run, table)]
    except ValueError as error:
        raise SettingsError(f"{path} has no bill of {table.date}: {error}.") from error
    whole = sum_up(table, (line.charge for line in lines))
    missing = tuple(dict.fromkeys(sentence for run in runs for sentence in run.missing))
    asked = sum(len(run.invocations) for run in runs)
    return RunBill(path, table, tuple(_added_up(lines)), whole, asked, missing)


def bill_text(bill: RunBill, *, free_tier: bool = False) -> str:
    """Lays out a bill: its lines, their sum, and what it misses."""
    title = f"{bill.path}: prices of {bill.prices.date}, us-east-1, without API Gateway"
    missing = [f"Incomplete: {sentence}" for sentence in bill.missing]
    rows = [_HEAD, *(_row(line) for line in bill.lines)]
    return "\n".join(
        [title, *missing, "", *aligned_table(rows), "", *_totals(bill, free_tier=free_tier)]
    )


def _folders(path: Path) -> list[Path]:
    if (path / RUN).is_file():
        return [path]
    if cells := sorted(description.parent for description in path.glob(f"cells/*/{RUN}")):
        return cells
    raise RunDirectoryError(f"{path} is no run directory: it has no {RUN} and no cells.")


def _lines(run: Run, prices: Prices) -> Iterator[BillLine]:
    for record in run.invocations:
        if record.dispatched_at is not None:
            size = size_of(run.info, record.function, record.memory_mb)
            yield BillLine(record.function, size, invocation_charge(prices, size, record))
    for sandbox in run.sandboxes:
        if sandbox.provisioned and sandbox.anatomy is not None:
            size = size_of(run.info, sandbox.function, sandbox.memory_mb)
            init = sandbox.anatomy.connect + sandbox.anatomy.init
            yield BillLine(sandbox.function, size, initialization(prices, size, init))
    for span in run.provisioned:
        size = size_of(run.info, span.function, span.memory_mb)
        charge = held(prices, size, span.sandboxes, span.until - span.since)
        yield BillLine(span.function, size, charge)
    for kept in run.snapshots:
        size = size_of(run.info, kept.function, kept.memory_mb)
        yield BillLine(kept.function, size, snapshot_kept(prices, size, kept.until - kept.since))


def _added_up(lines: Iterable[BillLine]) -> Iterator[BillLine]:
    """Yields a line for each function, size and kind of charge."""

    def key(line: BillLine) -> tuple[str, int, str, int, int]:
        return line.key

    for _, group in groupby(sorted(lines, key=key), key=key):
        first, *others = group
        total = first.charge
        for line in others:
            total = total.plus(line.charge)
        yield replace(first, charge=total)


def _row(line: BillLine) -> tuple[str, ...]:
    charge = line.charge
    return (
        line.function,
        formatting.memory(line.size.memory_mb),
        line.size.architecture,
        charge.kind.value,
        formatting.count(charge.requests),
        f"{round(charge.gb_seconds, _DECIMALS):,g}",
        formatting.money(charge.compute),
        formatting.money(charge.storage),
        formatting.money(charge.request),
        formatting.money(charge.snapshots),
    )


def _totals(bill: RunBill, *, free_tier: bool) -> Iterator[str]:
    whole, at_least = bill.whole, "at least " if bill.missing else ""
    yield f"In all: {at_least}{formatting.money(whole.dollars())}"
    million = whole.per_million_requests()
    if million is not None:
        yield f"A million such requests: {formatting.money(million)}"
    if free_tier:
        prices, left = whole.prices, whole.dollars(free_tier=True)
        yield (
            f"With a month's free tier ({prices.free_requests:,} requests and "
            f"{prices.free_gb_seconds:,} GB-s on demand): {at_least}{formatting.money(left)}"
        )
