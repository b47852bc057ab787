from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.cli import main
from emulator.errors import RunDirectoryError
from emulator.experiments.report.document import Document, Paragraph, Picture
from emulator.experiments.report.page_files import write_page
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = Document("t", (Paragraph("x"), Picture("new", b"\x89PNG" + bytes(24), "a picture")))


def test_a_report_made_again_leaves_no_picture_of_before(tmp_path: Path) -> None:
    stale = tmp_path / "charts" / "cell-99.png"
    stale.parent.mkdir(parents=True)
    stale.touch()
    assert write_page(DOCUMENT, tmp_path) == tmp_path / "report.html"
    assert [path.name for path in stale.parent.iterdir()] == ["new.png"]


def test_a_folder_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match=r"cannot be written to .*file/x: Not a directory"):
        write_page(DOCUMENT, tmp_path / "file" / "x")


def test_the_command_says_in_a_sentence_that_out_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_study(tmp_path / "run", [CellPlan(TF, 512, "idle")])
    (tmp_path / "file").touch()
    assert main(["report", str(run), "--out", str(tmp_path / "file")]) == 2
    told = capsys.readouterr().err
    assert "The report cannot be written to" in told
    assert "Traceback" not in told
