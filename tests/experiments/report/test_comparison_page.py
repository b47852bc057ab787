from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.comparison_page import comparison_document, report_comparison
from emulator.experiments.report.markdown import markdown
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path


def test_the_page_marks_host_bound_cells_and_names_what_differs(tmp_path: Path) -> None:
    first = write_study(tmp_path / "a", [CellPlan(TF, 512)])
    second = write_study(
        tmp_path / "b", [replace(CellPlan(TF, 512), backend="docker", host_bound="busy")]
    )
    text = markdown(comparison_document(read_study(first), read_study(second)))
    assert "They differ in backend process in A, docker in B." in text
    assert "kdd99-tf 512 MB ‡" in text
    assert "no difference shown" in text
    page = report_comparison(first, second)
    assert page == second / "against-a" / "report.html"
    assert page.with_suffix(".md").read_text() == text


def test_runs_without_a_common_cell_say_so(tmp_path: Path) -> None:
    first = write_study(tmp_path / "a", [CellPlan(TF, 512)])
    second = write_study(tmp_path / "b", [CellPlan(TF, 1024, status="failed")])
    text = markdown(comparison_document(read_study(first), read_study(second)))
    assert "no cell in common" in text
    assert "B: Cell kdd99-tf-1024-ramp-1 is failed" in text
