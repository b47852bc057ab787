"""Reads what a run's clients asked for, from its journal: a call for each invocation that ended.

Times are the journal's own, on the clock of the emulated Lambda, and a call takes as long as its
REPORT's Duration says; one that no sandbox took (a throttle) has no duration. Functions have the
memory size that they ran with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from emulator.core.journal import JournalError, decode
from emulator.core.record_fold import RecordFold
from emulator.sim.traces.rows import numbered
from emulator.sim.traces.trace import Call, Trace, TracedFunction, isolated, kept
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.core.records import InvocationRecord

_JOURNAL = "journal.jsonl"
_CELLS = "cells"
_GAP = '{"lost"'
"""Begins the line of a journal that tells of entries that could not be written."""


def read(path: Path) -> Trace:
    """Reads the calls of an emulator's run directory, of a study's cell, or of a journal.

    Raises:
        TraceError: the folder has no journal, a line is no entry, or no invocation ended.
    """
    records = sorted(_records(_journal(path)), key=lambda record: record.requested_at)
    if not records:
        raise TraceError(f"{path} has no invocation that ended")
    begin = records[0].requested_at
    calls = [_call(record, begin) for record in records]
    apart = isolated(calls)
    functions = {
        record.function: TracedFunction(
            record.function, float(record.memory_mb), per_tenant=record.function in apart
        )
        for record in records
    }
    return Trace(functions, kept(calls))


def _journal(path: Path) -> Path:
    if not path.is_dir():
        return path
    if (path / _CELLS).is_dir():
        raise TraceError(f"{path} is a study: name one of its cells, {path / _CELLS}/…")
    if not (path / _JOURNAL).exists():
        raise TraceError(f"{path} is no run directory: {_JOURNAL} is missing")
    return path / _JOURNAL


def _records(path: Path) -> Iterator[InvocationRecord]:
    fold = RecordFold()
    for number, line in numbered(path):
        if not line.endswith("\n"):
            return  # cut short by what ended the run
        if line.startswith(_GAP):
            continue
        try:
            yield from fold.feed(decode(line))
        except JournalError as error:
            raise TraceError(f"{path.name}, line {number}: {error}") from None
        except KeyError as error:
            raise TraceError(
                f"{path.name}, line {number}: {error} was never introduced; entries are missing"
            ) from None


def _call(record: InvocationRecord, begin: float) -> Call:
    call = Call(record.requested_at - begin, record.function, tenant=record.tenant)
    return call if record.dispatched_at is None else structs.replace(call, duration=record.duration)
