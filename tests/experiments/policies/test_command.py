from __future__ import annotations

import csv
import math
import random
from typing import TYPE_CHECKING

import pytest

from emulator.errors import RunDirectoryError, SettingsError
from emulator.experiments.policies.command import Comparison, compare
from emulator.experiments.policies.trace_part import parts, simulate_part
from emulator.experiments.policies.trace_run import Assumptions, oracle, run_policy
from emulator.experiments.policies.trace_study import TraceStudy
from emulator.policy_choice import chosen
from emulator.sim.traces.trace import Call

if TYPE_CHECKING:
    from pathlib import Path

TRACE = "at,function,duration\n0,a,0.5\n100,a,0.5\n1000,a,0.5\n1000,b,2\n1001,b,2\n"
ASSUMED = Assumptions(memory_mb=1024, cold_start=1.0)
CALLS = [
    Call(0.0, "a", 0.5),
    Call(100.0, "a", 0.5),
    Call(1000.0, "a", 0.5),
    Call(1000.0, "b", 2.0),
    Call(1001.0, "b", 2.0),
]


def test_figures_of_a_policy_are_those_worked_by_hand() -> None:
    run = run_policy(CALLS, chosen("fixed:seconds=200"), "fixed", ASSUMED)
    # a: cold at 0, warm at 100, cold at 1000; b: twice cold, the second while the first starts
    assert (run.calls, run.cold) == ({"a": 3, "b": 2}, {"a": 2, "b": 2})
    assert run.cold_shares() == [pytest.approx(2 / 3), 1.0]
    assert (run.cold_share_of(0.5), run.cold_share_of(0.75)) == (pytest.approx(2 / 3), 1.0)
    # idle of a: 1.5 to 100, 100.5 to 300.5, 1001.5 to the end at 1004; of b: 1003 and 1004 on
    assert run.wasted_mb_s == pytest.approx(1024 * (98.5 + 200 + 2.5 + 1))
    assert run.slowdowns == pytest.approx([1.0, 1.5, 1.5, 3.0, 3.0])
    # billed: .5 + 4 * 1 s of init + .5 + .5 + 2 + 2 s at 1 GB, and five requests
    assert run.dollars == pytest.approx(9.5 * 0.0000166667 + 5 * 0.20e-6)


def test_memory_over_time_is_that_of_the_sandboxes() -> None:
    run = run_policy(CALLS, chosen("fixed:seconds=200"), "fixed", ASSUMED)
    assert run.series == [
        (0.0, 0, 0),
        (0.0, 1, 1024),
        (300.5, 0, 0),
        (1000.0, 1, 1024),
        (1000.0, 2, 2048),
        (1001.0, 3, 3072),
    ]


@pytest.mark.parametrize("tenants", [1, 5, 25])
def test_cold_starts_of_sparse_tenants_are_those_of_the_closed_form(tenants: int) -> None:
    """Poisson arrivals, calls that take no time: a call is cold if its tenant's gap exceeds T."""
    chance, rate, keep = random.Random(1), 0.05, 100.0
    at, calls = 0.0, []
    for _ in range(6000):
        at += chance.expovariate(rate)
        calls.append(Call(at, "a", 0.0, f"tenant-{chance.randrange(tenants)}"))
    assumed = Assumptions(cold_start=0.0)
    run = run_policy(calls, chosen(f"fixed:seconds={keep}"), "fixed", assumed)
    assert run.cold_share == pytest.approx(math.exp(-rate * keep / tenants), abs=0.02)


def test_provisioned_concurrency_costs_what_is_held() -> None:
    run = run_policy([Call(300.0, "a", 1.0)], chosen("provisioned"), "provisioned", ASSUMED)
    assert run.cold == {"a": 0}
    held, ran = 302.0 * 0.0000041667, 1.0 * 0.0000097222
    assert run.dollars == pytest.approx(held + ran + 0.20e-6)


def test_oracle_has_no_cold_start_but_for_what_comes_at_once_and_wastes_nearly_nothing() -> None:
    run = run_policy(CALLS, oracle(CALLS, ASSUMED), "oracle", ASSUMED)
    assert run.cold == {"a": 1, "b": 0}
    assert run.wasted_mb_s < 0.02 * 1024


def comparison(folder: Path, *policies: str, text: str = TRACE, form: str = "csv") -> Comparison:
    trace = folder / "trace.csv"
    trace.write_text(text)
    return Comparison(trace, form, policies, ASSUMED)


def test_charts_have_their_figures_beside_them(tmp_path: Path) -> None:
    told: list[str] = []
    policies = ("fixed:seconds=600", "lru", "oracle", "managed-instances")
    out = tmp_path / "out"
    assert compare(comparison(tmp_path, *policies), out, told.append) == 0
    charts = {path.stem for path in out.glob("*.png")}
    assert charts == {"pareto", "costs", "cold-starts", "slowdowns", "over-time"}
    assert charts <= {path.stem for path in out.glob("*.csv")}
    rows = list(csv.DictReader((out / "summary.csv").read_text().splitlines()))
    assert [row["policy"] for row in rows] == list(policies)
    assert rows[0]["wasted"] == "1"
    assert [row["best"] for row in rows] == ["True", "False", "False", "False"]
    assert told[-1] == f"{out}/summary.md"


def test_page_says_what_isolation_by_tenant_does(tmp_path: Path) -> None:
    text = "at,function,duration,tenant\n0,a,0.5,x\n10,a,0.5,y\n20,a,0.5,x\n30,b,0.5,\n"
    told: list[str] = []
    compared = comparison(tmp_path, "fixed:seconds=600", "managed-instances", text=text)
    assert compare(compared, tmp_path / "out", told.append) == 0
    assert "fixed:seconds=600, without tenants: 50.0 % cold starts" in told
    (row,) = csv.DictReader((tmp_path / "out" / "tenants.csv").read_text().splitlines())
    assert (row["cold_isolated"], row["cold_shared"]) == ("0.75", "0.5")
    assert (row["sandboxes_isolated"], row["sandboxes_shared"]) == ("3", "2")
    page = (tmp_path / "out" / "summary.md").read_text()
    assert "A sandbox serves one of 2 tenants" in page
    assert "| fixed:seconds=600 | 75.0 % | 50.0 % | 3 | 2 | " in page


def test_simulated_trace_keeps_tenants_apart(tmp_path: Path) -> None:
    text = "at,function,duration,tenant\n0,a,0.5,x\n10,a,0.5,y\n20,a,0.5,x\n30,b,0.5,\n"
    (tmp_path / "trace.csv").write_text(text)
    study = TraceStudy(tmp_path / "trace.csv", "csv", ("lifetime",), ASSUMED)
    trace = study.read()
    (part,) = parts(study, trace, tmp_path, journal=False)
    assert simulate_part(part, trace).cold == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("policies", "text", "form", "fault"),
    [
        (
            "lru",
            "at,function,tenant\n0,a,x\n1,a,\n",
            "csv",
            "a is called with a tenant and without one",
        ),
        ("fifo", TRACE, "csv", "policy 'fifo' is neither .*, nor oracle or managed-instances"),
        ("lru", TRACE, "azure2022", "format 'azure2022' is none of csv, azure2019"),
        ("lru", "when\n", "csv", "trace.csv, line 1: there is no column at or"),
        ("lru", "at,function\n", "csv", "trace.csv holds no calls"),
        ("lru", "at,function\nsoon,a\n", "csv", "line 2"),
    ],
)
def test_what_is_wrong_is_told(
    tmp_path: Path, policies: str, text: str, form: str, fault: str
) -> None:
    with pytest.raises(SettingsError, match=fault):
        compare(comparison(tmp_path, policies, text=text, form=form), tmp_path / "out", print)


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match="file/out cannot be written: Not a directory"):
        compare(comparison(tmp_path, "lru"), tmp_path / "file" / "out", lambda _: None)
