from __future__ import annotations

import json
import re
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from emulator.cli import main
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.document import Document, Notice, Paragraph, Picture, Table
from emulator.experiments.report.markdown import markdown
from emulator.experiments.report.study_page import report_run, study_document
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.experiments.conftest import MadeRun

ONE = [CellPlan(TF, 512, "idle")]


def test_the_page_begins_with_the_size_to_buy_and_its_picture(document: Document) -> None:
    first, second = document.blocks[:2]
    assert isinstance(first, Paragraph)
    assert "buy 512 MB" in first.text
    assert "provisional" in first.text
    assert isinstance(second, Picture)
    assert second.name == "memory"


def test_the_first_caption_says_what_a_cold_start_is(document: Document) -> None:
    picture = next(block for block in document.blocks if isinstance(block, Picture))
    assert "cold starts: requests that find no free sandbox" in picture.caption


def test_what_is_missing_or_host_bound_is_told_before_the_figures(document: Document) -> None:
    places = [place for place, b in enumerate(document.blocks) if isinstance(b, Notice)]
    missing, bound = (document.blocks[place] for place in places)
    assert isinstance(missing, Notice)
    assert isinstance(bound, Notice)
    assert missing.lines == (
        "Cell kdd99-java-512-ramp-1 is failed: Locust ended with exit code 1.",
    )
    assert "load 9 on 2 cores" in bound.lines[0]
    first_table = next(p for p, b in enumerate(document.blocks) if isinstance(b, Table))
    assert max(places) < first_table


def test_what_the_host_slowed_at_times_is_told_and_hides_nothing(tmp_path: Path) -> None:
    plans = [CellPlan(TF, 256), CellPlan(TF, 512, host_remark="CPU full: 14% of the time")]
    blocks = study_document(read_study(write_study(tmp_path / "run", plans))).blocks
    (notice,) = (block for block in blocks if isinstance(block, Notice))
    assert "not the typical ones" in notice.title
    assert notice.lines == ("kdd99-tf 512 MB: CPU full: 14% of the time.",)
    assert isinstance(blocks[0], Paragraph)
    assert "provisional" not in blocks[0].text


def test_a_host_bound_cell_is_marked_in_every_table_that_has_it(document: Document) -> None:
    tables = [b for b in document.blocks if isinstance(b, Table) and b.head[1] != "verdict"]
    rows = [row for table in tables for row in table.rows if "1024 MB" in row[0]]
    assert len(rows) == 5
    assert all("‡" in row[0] for row in rows)


def test_each_cell_has_its_pictures_and_each_table_its_columns(document: Document) -> None:
    names = {b.name for b in document.blocks if isinstance(b, Picture)}
    assert names == {"memory", "anatomy", "distributions", "latency-parts"} | {
        f"{kind}-0{place}" for kind in ("cell", "lanes") for place in range(5)
    }
    for block in document.blocks:
        if isinstance(block, Table):
            assert {len(row) for row in block.rows} == {len(block.head)}
        if isinstance(block, Picture):
            assert Image.open(BytesIO(block.png)).format == "PNG"


def test_the_word_of_scenario_1_and_the_worth_of_pings_are_there(document: Document) -> None:
    text = markdown(document)
    assert re.search(r"\| kdd99-tf 512 MB idle \|.*\| CWWWC \|", text)
    assert re.search(r"\| kdd99-tf 512 MB \| .*CWWWC \| CWWWW \|", text)


def test_the_same_run_gives_the_same_bytes_again(tmp_path: Path) -> None:
    run = write_study(tmp_path / "run", ONE)
    first, second = (report_run(run, tmp_path / name).parent for name in ("a", "b"))
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) == 7
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file


def test_a_study_without_any_request_is_still_a_page(tmp_path: Path) -> None:
    run = write_study(tmp_path / "run", [CellPlan(TF, 512, status="pending")], finished_at=None)
    text = report_run(run).with_suffix(".md").read_text()
    assert "is pending" in text
    assert "No request was made" in text
    assert "not testable here" in text


def test_an_emulators_own_run_has_a_page_without_the_studys_claims(study: MadeRun) -> None:
    text = report_run(study.write()).with_suffix(".md").read_text()
    assert "| slow 512 MB | 5 |" in text
    assert "CPU shares are not limited." in text
    assert "What the study found" not in text


def test_the_command_reports_one_run_and_compares_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err
    (tmp_path / "study.json").write_text(
        json.dumps({"name": "empty", "started_at": 0, "finished_at": 1, "cells": []})
    )
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "one")]) == 0
    assert main(["report", str(tmp_path), str(tmp_path), "--out", str(tmp_path / "two")]) == 0
    assert {path.name for path in (tmp_path / "two").iterdir()} >= {"report.html", "report.md"}
    assert str(tmp_path / "one" / "report.html") in capsys.readouterr().out
