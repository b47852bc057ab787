"""Each claim, on studies made so that it holds, does not hold, or cannot be told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.analysis.claims.catalogue import (
    CLAIMS,
    Finding,
    Verdict,
    all_findings,
    findings,
    years,
)
from emulator.experiments.analysis.claims.cells import OF_2018, OF_TODAY
from emulator.experiments.plan.model import Part
from emulator.experiments.records.request_table import read_csv, write_csv
from emulator.experiments.records.study_reader import read_study
from tests.experiments.made_study import JAVA, TF, CellPlan, the_study, write_study

if TYPE_CHECKING:
    from pathlib import Path

(
    FAR,
    AVERAGE,
    MAXIMA,
    JAVA_256,
    JAVA_RATE,
    JAVA_MAX,
    JAVA_COLD,
    TENSORFLOW,
    IDLE,
    PEAKS,
    RATE,
    BEST,
    DOLLAR,
) = range(13)
REPRODUCED, NOT, NOT_TESTABLE = Verdict


def found(path: Path, plans: list[CellPlan]) -> tuple[Finding, ...]:
    return findings(read_study(write_study(path / "run", plans)), "process")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finding, ...]:
    return found(tmp_path_factory.mktemp("whole"), the_study())


@pytest.mark.parametrize(
    ("claim", "verdict", "figures"),
    [
        (FAR, REPRODUCED, "256 MB: 15"),
        (AVERAGE, REPRODUCED, "1024 MB: "),
        (MAXIMA, REPRODUCED, "slowest 3"),
        (JAVA_256, REPRODUCED, "Java 256 MB: 0.4"),
        (JAVA_RATE, REPRODUCED, "256 MB: 0.4"),
        (JAVA_MAX, REPRODUCED, "times"),
        (JAVA_COLD, REPRODUCED, "1024 MB: Java"),
        (TENSORFLOW, NOT, "512 MB: cold"),
        (IDLE, REPRODUCED, "aws-2018: 4 of 4"),
        (PEAKS, REPRODUCED, "24 of 24 steps; 108 cold starts for 108 new users"),
        (RATE, NOT, "hits/s"),
        (BEST, REPRODUCED, "best value 512 MB"),
        (DOLLAR, NOT_TESTABLE, "API Gateway included: kdd99-tf 256 MB "),
    ],
)
def test_claims_are_decided_by_the_figures(
    whole: tuple[Finding, ...], claim: int, verdict: Verdict, figures: str
) -> None:
    assert whole[claim].verdict is verdict, whole[claim]
    assert figures in whole[claim].found
    assert whole[claim].claim.rule
    assert whole[claim].claim.cause.endswith(".")


def test_claims_that_do_not_hold_stay_in_the_table(tmp_path: Path) -> None:
    fast = [replace(plan, warm_ms=190.0) for plan in the_study() if plan.scenario == "ramp"]
    slow = CellPlan(TF, 1024, warm_ms=195.0)
    plans = [slow if plan.function == TF and plan.memory_mb == 1024 else plan for plan in fast]
    idle = CellPlan(TF, 512, "idle", lifetime_min=5)
    after = found(tmp_path, [*plans, idle])
    assert [after[claim].verdict for claim in (FAR, JAVA_256, IDLE)] == [NOT] * 3
    assert "0 of 1 sandboxes survived" in after[IDLE].found
    assert after[AVERAGE].verdict is REPRODUCED


def test_missing_failed_and_host_bound_cells_are_not_testable_with_the_reason(
    tmp_path: Path,
) -> None:
    plans = [
        CellPlan(TF, 256, status="failed"),
        CellPlan(TF, 512),
        CellPlan(TF, 1024, host_bound="load 9 on 2 cores"),
    ]
    after = found(tmp_path, plans)
    assert after[FAR].verdict is NOT_TESTABLE
    assert "kdd99-tf-256-ramp-1 is failed" in after[FAR].found
    assert after[AVERAGE].verdict is NOT_TESTABLE
    assert "host-bound: load 9 on 2 cores" in after[AVERAGE].found
    assert after[JAVA_256].verdict is NOT_TESTABLE
    assert "No cell ran a function named kdd99-java under load." in after[JAVA_256].found
    assert after[IDLE].verdict is NOT_TESTABLE
    assert after[RATE].verdict is NOT_TESTABLE


def test_what_the_host_slowed_at_times_tells_of_averages_alone(tmp_path: Path) -> None:
    remark = "CPU full during cold starts: 14% of the time"
    plans = [replace(plan, host_remark=remark) for plan in the_study()]
    after = found(tmp_path, plans)
    for claim in (MAXIMA, JAVA_MAX, JAVA_COLD, TENSORFLOW):
        assert after[claim].verdict is NOT_TESTABLE
        assert remark in after[claim].found
    for claim in (FAR, AVERAGE, JAVA_256, IDLE, PEAKS, BEST):
        assert after[claim].verdict is REPRODUCED


def test_a_keep_alive_that_the_plan_set_proves_nothing_about_lambda(tmp_path: Path) -> None:
    idle = CellPlan(TF, 512, "idle", keep_alive="1200", lifetime_min=20)
    assert found(tmp_path, [idle])[IDLE].verdict is NOT_TESTABLE


def test_backends_are_never_mixed(tmp_path: Path) -> None:
    plans = [CellPlan(TF, 256), CellPlan(TF, 512, backend="docker")]
    both = all_findings(read_study(write_study(tmp_path / "run", plans)))
    assert [of_backend.backend for of_backend in both] == ["process", "docker"]
    assert {of_backend.claims[FAR].verdict for of_backend in both} == {NOT_TESTABLE}


def test_the_profile_of_the_study_is_preferred(tmp_path: Path) -> None:
    new = CellPlan(JAVA, 512, "idle", profile="aws-2025", lifetime_min=5)
    old = CellPlan(TF, 512, "idle")
    assert found(tmp_path, [new, old])[IDLE].found.startswith("aws-2018: 1 of 1")


def test_the_profile_of_the_study_is_preferred_under_load_too(tmp_path: Path) -> None:
    new = [CellPlan(TF, size, warm_ms=190, profile="aws-2025", repetition=2) for size in (256, 512)]
    old = [CellPlan(TF, size) for size in (256, 512)]
    assert found(tmp_path, [*new, *old])[FAR].verdict is REPRODUCED


def test_a_difference_of_too_few_requests_proves_nothing(tmp_path: Path) -> None:
    run = write_study(tmp_path / "run", [CellPlan(TF, 256), CellPlan(TF, 512)])
    rows = read_csv(run / "requests.csv")
    warm = [row for row in rows if row.start == "warm"]
    few = [
        replace(row, sent_at_s=number * seconds)
        for size, seconds in ((256, 10.0), (512, 1.0))
        for number, row in enumerate([row for row in warm if row.memory_mb == size][:2])
    ]
    write_csv(run / "requests.csv", few)
    finding = findings(read_study(run), "process")[FAR]
    assert finding.verdict is NOT
    assert "n\u00a0=\u00a02" in finding.found


def test_sandboxes_that_outlive_30_minutes_are_not_the_studys(tmp_path: Path) -> None:
    finding = found(tmp_path, [CellPlan(TF, 512, "idle", lifetime_min=100)])[IDLE]
    assert finding.verdict is NOT
    assert "1 of 1 survived 30 (CWWWW)" in finding.found


def test_idle_cells_of_another_backend_do_not_count(tmp_path: Path) -> None:
    here = CellPlan(TF, 512, "idle")
    there = CellPlan(TF, 256, "idle", backend="docker", lifetime_min=5)
    assert found(tmp_path, [here, there])[IDLE].found.startswith("aws-2018: 1 of 1")


def test_the_rate_is_the_studys_at_every_size_or_not_at_all(tmp_path: Path) -> None:
    plans = [CellPlan(TF, size, warm_ms=160.0) for size in (256, 512, 1024)]
    assert found(tmp_path / "all", plans)[RATE].verdict is REPRODUCED
    plans[0] = CellPlan(TF, 256, warm_ms=400.0)
    assert found(tmp_path / "one", plans)[RATE].verdict is NOT


def test_cells_of_another_year_are_put_to_the_claims_apart(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path / "run", [CellPlan(TF, 512), CellPlan(TF, 256)]))
    old = tuple(
        replace(cell, condition=replace(cell.condition, function=OF_2018.python))
        for cell in study.cells
    )
    assert years(replace(study, cells=old), "process") == [OF_2018]
    assert years(study, "process") == [OF_TODAY]
    assert findings(study, "process", OF_2018)[FAR].verdict is NOT_TESTABLE


def test_every_claim_but_the_dollar_names_the_part_that_shows_its_cause() -> None:
    assert [claim.part is None for claim in CLAIMS].index(True) == DOLLAR
    assert {claim.part for claim in CLAIMS} == {*Part, None}
