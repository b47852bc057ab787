from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.model import StartKind
from emulator.errors import RunDirectoryError
from emulator.experiments.records.client_rows import append_client_rows
from emulator.experiments.records.run_directory import read_run

if TYPE_CHECKING:
    from tests.experiments.conftest import MadeRun


def test_rows_under_another_header_are_an_error(study: MadeRun) -> None:
    path = study.write()
    (path / "clients.csv").write_text("when,what\n1,2\n")
    with pytest.raises(RunDirectoryError, match="begins with 'when,what'"):
        read_run(path)


def test_appended_rows_keep_one_header_and_any_error_text(made: MadeRun) -> None:
    made.seen("a", 1.0, 2.5, start_kind=StartKind.COLD)
    path = made.path / "clients.csv"
    append_client_rows(path, made.rows)
    made.seen("b", 2.0, 0.125, error='said "no, never", and left', start_kind=None, status=0)
    append_client_rows(path, made.rows[1:])
    made.rows, rows = [], made.rows
    assert list(read_run(made.write()).clients) == rows


def test_rows_that_cannot_be_written_are_an_error(made: MadeRun) -> None:
    made.seen("a", 1.0, 2.5)
    with pytest.raises(RunDirectoryError, match=r"c\.csv cannot be written: No such file"):
        append_client_rows(made.path / "no" / "c.csv", made.rows)
    full = made.path / "full.csv"
    full.symlink_to("/dev/full")
    with pytest.raises(RunDirectoryError, match="cannot be written: No space left"):
        append_client_rows(full, made.rows)
