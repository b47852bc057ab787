from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.errors import RunDirectoryError
from emulator.experiments.fidelity.rows import DESCRIPTION, ROWS, read_fidelity
from tests.experiments.fidelity.conftest import CALM

if TYPE_CHECKING:
    from tests.experiments.fidelity.conftest import MadeFidelity


def test_rows_are_read_back_as_they_were_written(measured: MadeFidelity) -> None:
    measured.add(128, 201.5, throttles=None, throttled_ms=None)
    run = read_fidelity(measured.write())
    assert [one.row for one in run.served["process"]] == [
        replace(row, wall_ms=round(row.wall_ms, 4), throttled_ms=row.throttled_ms and
                round(row.throttled_ms, 4))
        for row in measured.rows
    ]  # fmt: skip
    assert run.notes == ()


def test_a_row_has_the_duration_of_the_journal(measured: MadeFidelity) -> None:
    served = read_fidelity(measured.write()).served["process"]
    assert served
    for one in served:
        assert one.duration_ms == pytest.approx(one.row.wall_ms + 5, abs=0.001)


@pytest.mark.parametrize("name", [DESCRIPTION, ROWS])
def test_a_run_without_one_of_its_files_is_named(measured: MadeFidelity, name: str) -> None:
    path = measured.write()
    (path / name).unlink()
    with pytest.raises(RunDirectoryError, match=f"{name} is missing"):
        read_fidelity(path)


def test_a_run_without_its_journal_is_named(measured: MadeFidelity) -> None:
    path = measured.write()
    (path / "process" / "journal.jsonl").unlink()
    with pytest.raises(RunDirectoryError, match=r"journal\.jsonl is missing"):
        read_fidelity(path)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_description_is_named(measured: MadeFidelity, content: str) -> None:
    path = measured.write()
    (path / DESCRIPTION).write_text(content)
    with pytest.raises(RunDirectoryError, match=r"fidelity\.json is damaged"):
        read_fidelity(path)


def test_a_damaged_row_is_named_by_its_line(measured: MadeFidelity) -> None:
    path = measured.write()
    rows = (path / ROWS).read_text().replace(",128,", ",lots,")
    (path / ROWS).write_text(rows)
    with pytest.raises(RunDirectoryError, match=r"rows\.csv, line 2: invalid literal"):
        read_fidelity(path)


def test_other_columns_are_refused(measured: MadeFidelity) -> None:
    path = measured.write()
    (path / ROWS).write_text("a,b\n1,2\n")
    with pytest.raises(RunDirectoryError, match="begins with 'a,b'"):
        read_fidelity(path)


def test_a_row_that_was_cut_short_is_left_out_and_told(measured: MadeFidelity) -> None:
    path = measured.write()
    (path / ROWS).write_text((path / ROWS).read_text()[:-20])
    run = read_fidelity(path)
    assert len(run.served["process"]) == 10
    assert run.notes == ("The last line of rows.csv was cut short and is left out.",)


def test_a_row_whose_invocation_never_ended_does_not_count(measured: MadeFidelity) -> None:
    measured.rows.append(replace(CALM, request_id="unheard of"))
    run = read_fidelity(measured.write())
    assert len(run.served["process"]) == 11
    assert run.notes == ("process: 1 rows have no end in the journal and do not count.",)
