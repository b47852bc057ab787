"""Claims of a run beside those of the same cells without a part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.analysis.claims.ablation import (
    ablated,
    all_ablated,
    has_ablation,
    has_both_sides,
    joined,
)
from emulator.experiments.analysis.claims.cells import OF_2018, OF_TODAY
from emulator.experiments.plan.model import Part
from emulator.experiments.records.host_verdict import HostVerdict, Verdict
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.claims_section import claims_section
from emulator.experiments.report.study_tables import ablation_table
from tests.experiments.made_study import JAVA, TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path

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
    claim, cause, part, whole, less, shown, run = table.rows[0]
    assert claim.startswith("Java collapses")
    assert "class metadata" in cause
    assert (part, shown, run) == ("metaspace-limit", "yes", "made")
    assert whole.startswith("reproduced: ")
    assert less.startswith("not reproduced: ")
    assert table in claims_section(study)


def test_a_pair_is_of_one_run_and_of_one_that_could_test_the_claim(
    study: StudyRun, tmp_path: Path
) -> None:
    slowed = replace(
        study,
        name="slowed",
        cells=tuple(
            replace(cell, host=HostVerdict(Verdict.HOST_BOUND, "load 9")) for cell in study.cells
        ),
    )
    other = replace(study, name="other")
    assert has_both_sides(study)
    whole = read_study(write_study(tmp_path / "run", WHOLE[:2]))

    def runs(others: list[StudyRun]) -> list[tuple[str, str, bool]]:
        pairs = all_ablated(whole, others, "process", OF_TODAY)
        return [(pair.whole.claim.claim[:14], pair.run, pair.is_tested) for pair in pairs]

    tested = [
        ("Java collapses", "other", True),
        ("Java at 256 MB", "other", True),
        ("Sandboxes surv", "other", True),
    ]
    assert runs([slowed, other]) == runs([other, slowed]) == runs([other]) == tested
    assert [run for _, run, _ in runs([slowed])] == ["slowed"] * 2
    section = claims_section(whole, [other])
    assert ablation_table(all_ablated(whole, [other], "process", OF_TODAY)) in section


def test_a_curve_that_the_plan_names_counts_as_what_it_names(tmp_path: Path) -> None:
    named = CellPlan(TF, 512, "idle", keep_alive="aws-2018-us-west-2", lifetime_min=26)
    study = read_study(write_study(tmp_path / "named" / "run", [named]))
    lasting = replace(named, keep_alive="aws-2018-us-east-1", lifetime_min=60)
    less = read_study(write_study(tmp_path / "other" / "run", [lasting]))
    (pair,) = ablated(joined(study, without(less, Part.LIFETIMES)), "process", OF_TODAY)
    assert pair.shows
    assert pair.whole.found.startswith("keep-alive aws-2018-us-west-2: 1 of 1 sandboxes survived")
    assert pair.without.found.startswith("keep-alive aws-2018-us-east-1: 1 of 1")
