from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.comparison_page import comparison_document
from emulator.experiments.report.document import Heading, Notice, Picture, Table
from emulator.experiments.report.study_page import study_document
from emulator.experiments.simulation.study import SimulationOptions, simulate
from tests.experiments.plans import write_plan
from tests.experiments.simulation.simulated import PLAN, as_measured, simulated

if TYPE_CHECKING:
    from emulator.experiments.records.study import StudyRun
    from emulator.experiments.report.document import Document


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    return read_study(as_measured(simulated(tmp_path_factory.mktemp("live"), name="live")))


@pytest.fixture(scope="module")
def study(measured: StudyRun, tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    folder = tmp_path_factory.mktemp("simulated")
    options = SimulationOptions(calibrate=measured.path, jobs=1)
    assert simulate(write_plan(folder, PLAN), options, folder / "run") == 0
    return read_study(folder / "run")


@pytest.fixture(scope="module")
def document(study: StudyRun) -> Document:
    return study_document(study)


def test_every_table_and_picture_of_a_simulated_run_says_so(document: Document) -> None:
    tables = [block for block in document.blocks if isinstance(block, Table)]
    pictures = [block for block in document.blocks if isinstance(block, Picture)]
    assert len(tables) > 5
    assert len(pictures) > 5
    assert document.title.endswith(", simulated")
    assert all(table.head[0].endswith("(simulated)") for table in tables)
    assert all(picture.caption.startswith("Simulated.") for picture in pictures)
    for picture in pictures:
        colours = Image.open(BytesIO(picture.png)).convert("RGB").crop((0, 0, 10_000, 34))
        red = [c for _, c in colours.getcolors(100_000) or [] if c[0] > 150 and c[1] < 90]  # type: ignore[index]
        assert red, f"{picture.name} has no mark"


def test_no_table_or_picture_of_a_measured_run_says_so(measured: StudyRun) -> None:
    document = study_document(measured)
    assert "simulated" not in document.title
    tables = [block for block in document.blocks if isinstance(block, Table)]
    assert not any("simulated" in table.head[0] for table in tables)


def test_reader_is_told_what_is_not_simulated_before_the_figures(document: Document) -> None:
    places = [place for place, b in enumerate(document.blocks) if isinstance(b, Notice)]
    notice = document.blocks[places[0]]
    assert isinstance(notice, Notice)
    assert notice.title == "Simulated: no function ran"
    first_table = next(p for p, b in enumerate(document.blocks) if isinstance(b, Table))
    assert places[0] < first_table


def test_fit_of_each_phase_stands_in_the_report(document: Document, study: StudyRun) -> None:
    place = document.blocks.index(Heading("How well the drawn times fit"))
    table = next(b for b in document.blocks[place:] if isinstance(b, Table))
    assert len(table.rows) == len(study.fits) == 6 * 8
    warm = next(row for row in table.rows if "512 MB" in row[0] and row[1] == "warm")
    assert warm[2] == "512 MB under ramp"
    assert all(cell.endswith("%") for cell in warm[5:])


def test_measured_and_simulated_stand_side_by_side_in_columns_of_their_own(
    measured: StudyRun, study: StudyRun
) -> None:
    document = comparison_document(measured, study)
    tables = [block for block in document.blocks if isinstance(block, Table)]
    assert tables
    assert {table.head[1:3] for table in tables} == {("A, measured", "B, simulated")}
    assert "origin measured in A, simulated in B" in str(document.blocks[0])
    assert "backend" not in str(document.blocks[0])
    assert all(len(table.rows) <= len(study.cells) for table in tables)


def test_two_simulated_runs_side_by_side_are_marked_as_one_report(study: StudyRun) -> None:
    document = comparison_document(study, study)
    assert document.title.endswith(", simulated")
    tables = [block for block in document.blocks if isinstance(block, Table)]
    assert all(table.head[0] == "cell (simulated)" for table in tables)
