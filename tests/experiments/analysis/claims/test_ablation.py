"""Claims of a run beside those of the same cells without a part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.analysis.claims.ablation import ablated, has_ablation, joined
from emulator.experiments.analysis.claims.cells import OF_2018, OF_TODAY
from emulator.experiments.plan.model import Part
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.claims_section import claims_section
from emulator.experiments.report.study_tables import ablation_table
from tests.experiments.made_study import JAVA, TF, CellPlan, write_study

if TYPE_CHECKING:
    from emulator.experiments.records.study import StudyRun

WHOLE = [
    CellPlan(TF, 256),
    CellPlan(TF, 512),
    CellPlan(JAVA, 256),
    CellPlan(TF, 512, "idle"),
]


def without(study: StudyRun, part: Part) -> StudyRun:
    """The study as if each cell lacked the part."""
    name = {cell.id: f"{cell.id}-without-{part}" for cell in study.cells}
    return replace(
        study,
        cells=tuple(
            replace(cell, id=name[cell.id], condition=replace(cell.condition, without=str(part)))
            for cell in study.cells
        ),
        rows={
            name[id_]: tuple(replace(row, cell=name[id_]) for row in rows)
            for id_, rows in study.rows.items()
        },
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    whole = read_study(write_study(tmp_path_factory.mktemp("whole") / "run", WHOLE))
    quick = CellPlan(JAVA, 256, warm_ms=200.0)
    java = read_study(write_study(tmp_path_factory.mktemp("java") / "run", [quick]))
    lasting = CellPlan(TF, 512, "idle", lifetime_min=100)
    idle = read_study(write_study(tmp_path_factory.mktemp("idle") / "run", [lasting]))
    study = joined(whole, without(java, Part.METASPACE))
    return joined(study, without(idle, Part.LIFETIMES))


def test_a_cause_is_shown_where_the_finding_goes_with_its_part(study: StudyRun) -> None:
    pairs = {pair.whole.claim.claim[:14]: pair for pair in ablated(study, "process", OF_TODAY)}
    assert list(pairs) == ["Java collapses", "Java at 256 MB", "Sandboxes surv"]
    assert all(pair.shows for pair in pairs.values())
    assert "Java 256 MB: 0.4" in pairs["Java collapses"].whole.found
    assert "Python 256 MB: 15" in pairs["Java collapses"].without.found, "of the whole cells"
    assert "1 of 1 survived 30" in pairs["Sandboxes surv"].without.found


def test_another_years_functions_have_no_ablation_here(study: StudyRun) -> None:
    assert ablated(study, "process", OF_2018) == []


def test_the_claims_themselves_are_those_of_the_whole_cells(study: StudyRun) -> None:
    whole = replace(study, cells=tuple(c for c in study.cells if not c.condition.without))
    assert has_ablation(study)
    assert not has_ablation(whole)
    (with_parts,) = (b for b in claims_section(study) if getattr(b, "left", 0) == 5)
    (alone,) = (b for b in claims_section(whole) if getattr(b, "left", 0) == 5)
    assert with_parts == alone


def test_the_table_has_cause_part_and_both_verdicts(study: StudyRun) -> None:
    table = ablation_table(ablated(study, "process", OF_TODAY))
    claim, cause, part, whole, less, shown = table.rows[0]
    assert claim.startswith("Java collapses")
    assert "class metadata" in cause
    assert (part, shown) == ("metaspace-limit", "yes")
    assert whole.startswith("reproduced: ")
    assert less.startswith("not reproduced: ")
    assert table in claims_section(study)
