"""Prices recorded invocations: the one place where a record meets a price table.

Owns which of a function's facts in run.json decide its price. The rules and rates are the core's;
sums, tables and bills are for others to make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.billing import Size, invocation, restore
from emulator.core.model import StartKind
from emulator.core.prices import Architecture
from emulator.telemetry.log_lines import billed_duration_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.billing import Charge
    from emulator.core.prices import Prices
    from emulator.core.records import InvocationRecord
    from emulator.experiments.records.run_directory import RunInfo


def size_of(info: RunInfo, function: str, memory_mb: int) -> Size:
    """Returns what decides a function's price; AWS's defaults where run.json does not say."""
    known = info.functions.get(function, {})
    default = Size(memory_mb)
    return Size(
        memory_mb,
        Architecture(known.get("architecture", default.architecture)),
        int(known.get("ephemeral_storage_mb", default.storage_mb)),
    )


def invocation_charge(prices: Prices, size: Size, record: InvocationRecord) -> Charge:
    """Returns what an invocation costs that a sandbox took.

    Raises:
        ValueError: what it asks for could not be bought on the table's date.
    """
    # the init of a provisioned sandbox is billed by itself, when it happens, and its records tell
    # of none
    billed = billed_duration_ms(prices, record)
    charge = invocation(prices, size, billed, provisioned=record.start is StartKind.PROVISIONED)
    return charge.plus(restore(prices, size)) if record.start is StartKind.RESTORED else charge


def dollars_by_table(
    tables: Mapping[str, Prices], size: Size, record: InvocationRecord
) -> dict[str, float]:
    """Returns an invocation's price under each table in which what it asks for has a price."""
    dollars = {}
    for name, prices in tables.items():
        try:
            dollars[name] = invocation_charge(prices, size, record).dollars
        except ValueError:  # provisioned concurrency or arm64, before they could be bought
            continue
    return dollars
