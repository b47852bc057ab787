from __future__ import annotations

import json
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.core.journal import Entry, encode
from emulator.core.messages.commands import Dispatch, FreezeSandbox, StartSandbox, StopSandbox
from emulator.core.messages.events import (
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    TimePassed,
    VersionDeployed,
)
from emulator.core.model import FunctionVersion, StartKind, StopReason
from emulator.errors import RunDirectoryError
from emulator.experiments.bill import bill_run
from emulator.experiments.records.journal_file import LONGEST_ERROR_TYPE, read_journal
from emulator.experiments.records.run_directory import read_run
from emulator.experiments.records.study_reader import read_study
from emulator.live.journal_file import JournalFile
from tests.experiments.conftest import ORIGIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.experiments.conftest import MadeRun

GAP = json.dumps({"lost": 3, "since": ORIGIN + 5.55, "until": ORIGIN + 7.25})
LOST = (
    "3 journal entries from 5.5 s to 7.2 s of the run could not be written: all figures and costs "
    "are without them."
)


def lose(path: Path, since: float, until: float, marker: str = GAP) -> None:
    """Puts a marker in the place of the entries of a time."""
    lines = (path / "journal.jsonl").read_text().splitlines()
    before = [line for line in lines if json.loads(line)["at"] < since]
    after = [line for line in lines if json.loads(line)["at"] > until]
    (path / "journal.jsonl").write_text("\n".join([*before, marker, *after]) + "\n")


def test_a_gap_is_told_and_what_stands_around_it_is_read(study: MadeRun) -> None:
    path = study.write()
    lose(path, 5.55, 7.25)  # all of s4 and s5, and the answer to f2
    run = read_run(path)
    assert run.missing[0] == LOST
    assert [record.invocation for record in run.invocations] == ["f1", "s1", "s2", "s3"]
    assert [sandbox.id for sandbox in run.sandboxes] == [1, 3, 4, 2]
    assert "1 invocations had not ended." in run.notes


@pytest.mark.parametrize("marker", ["", '{"at": 5.6, "eve', '{"at": 5.6, "eve\n', "\xff\n"])
def test_a_line_that_the_gap_s_cause_cut_short_belongs_to_the_gap(
    study: MadeRun, marker: str
) -> None:
    path = study.write()
    lose(path, 5.55, 7.25, marker + GAP)
    assert read_run(path).missing[0] == LOST


def test_damage_that_no_gap_follows_is_still_an_error(study: MadeRun) -> None:
    path = study.write()
    lose(path, 5.55, 7.25, '{"at": 5.6, "eve')
    with pytest.raises(RunDirectoryError, match=r"journal\.jsonl, line \d+: not a journal entry"):
        read_run(path)


@pytest.mark.parametrize("marker", ['{"lost": 3}', '{"lost": "many", "since": 1, "until": 2}'])
def test_a_gap_that_does_not_say_what_is_lost_is_an_error(study: MadeRun, marker: str) -> None:
    path = study.write()
    lose(path, 5.55, 7.25, marker)
    with pytest.raises(RunDirectoryError, match=r"journal\.jsonl, line \d+: not a gap"):
        read_run(path)


def test_what_began_in_a_gap_does_not_hurt_what_comes_after(study: MadeRun) -> None:
    """Every start, request and deployment is lost; all that follows from them is not."""
    study.deploy()
    key = "new:$LATEST"
    study.entries += [
        Entry(6.0, VersionDeployed(FunctionVersion("new", 256, 30)), ()),
        Entry(6.1, InvokeRequested("n1", key), (StartSandbox(7, key, "n1"),)),
        Entry(8.0, ProvisionedSet(key, 2), (StartSandbox(8, key, None),)),
        Entry(8.1, InvokeRequested("n2", key), (Dispatch(7, "n2", StartKind.WARM),)),
        Entry(8.2, InvocationFinished(7, "n2"), (StopSandbox(7, StopReason.KEEP_ALIVE_ENDED),)),
        Entry(20.0, InvokeRequested("s6", "slow:$LATEST"), (Dispatch(1, "s6", StartKind.WARM),)),
        Entry(20.5, InvocationFinished(1, "s6"), (FreezeSandbox(1),)),
    ]
    path = study.write()
    lose(path, 5.55, 7.25)
    run = read_run(path)
    assert [record.invocation for record in run.invocations][-1] == "s6"
    assert not any(record.function == "new" for record in run.invocations)
    assert run.provisioned == ()


def test_a_bill_and_a_report_s_study_say_what_they_are_without(study: MadeRun) -> None:
    path = study.write()
    lose(path, 5.55, 7.25)
    assert f"Incomplete: {LOST}" in bill_run(path).splitlines()
    told = read_study(path)
    assert told.missing[0] == told.problems[0] == LOST


def test_an_error_type_of_30_megabytes_is_cut_short(tmp_path: Path) -> None:
    long = Entry(1.0, InvocationFinished(1, "a", error_type="x" * 30_000_000), ())
    (tmp_path / "journal.jsonl").write_text(encode(long) + "\n")
    (entry,) = read_journal(tmp_path / "journal.jsonl", 0.0).entries
    assert isinstance(entry.event, InvocationFinished)
    assert entry.event.error_type == "x" * LONGEST_ERROR_TYPE


def test_what_the_emulator_writes_when_its_disk_was_full_is_understood(tmp_path: Path) -> None:
    """By its own class: a folder that is full for two seconds, then has room again."""
    path, now = tmp_path / "journal.jsonl", [ORIGIN]
    limited = JournalFile(path, now=lambda: now[0])
    entry = encode(Entry(1.0, TimePassed(), ())) + "\n"
    limited.write(entry)
    limited.flush()
    whole = path.stat().st_size
    with limit_of_files(whole + 10):
        now[0] += 3
        limited.write(entry)
        limited.write(entry)
        limited.flush()
    now[0] += 2
    limited.write(entry)
    limited.close()
    journal = read_journal(path, ORIGIN)
    assert len(journal.entries) == 2
    (told,) = journal.missing
    assert told.startswith("2 journal entries from 3.0 s to 5.0 s of the run could not be written")


@contextmanager
def limit_of_files(most: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
