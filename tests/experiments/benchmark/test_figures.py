from __future__ import annotations

import json

import pytest

from emulator.experiments.benchmark.client import Outcome
from emulator.experiments.benchmark.figures import (
    ASGI_FLOOR,
    FORK_FLOOR,
    ROUND_TRIP_FLOOR,
    BenchResults,
    Figures,
    bench_document,
    bench_table,
    floor_ratios,
    rate_figures,
    restored_figures,
)

FIGURES: dict[str, Figures] = {
    "docker": {"cold p50, ms": 110.0, "invokes/s, 10 clients": 4999.0},
    "process": {"cold p50, ms": 31.0, "warm p50, 1 client, ms": 0.15},
}
RESULTS = BenchResults(FIGURES, {"cpus": 2})


def test_table_marks_what_is_short_of_the_wanted() -> None:
    assert bench_table(RESULTS).splitlines() == [
        "2 CPUs",
        "",
        "figure                   docker   process                            wanted",
        "---------------------------------------------------------------------------",
        "cold p50, ms                110    31.0 *      <= 110 docker, <= 30 process",
        "invokes/s, 10 clients    4999 *         -   >= 5000 docker, >= 8000 process",
        "warm p50, 1 client, ms        -      0.15      <= .3 docker, <= .15 process",
        "",
        "* short of what is wanted",
    ]


def test_a_run_that_misses_entries_is_told_above_the_figures() -> None:
    torn = BenchResults(FIGURES, {"cpus": 2}, ("docker: 3 entries were lost.",))
    assert bench_table(torn).splitlines()[1] == "Incomplete: docker: 3 entries were lost."
    assert bench_document(torn)["missing"] == ["docker: 3 entries were lost."]


def test_what_was_left_out_is_told_above_the_figures() -> None:
    some = BenchResults(FIGURES, {"cpus": 2}, left_out=("process: kdd99-tf, as …",))
    assert bench_table(some).splitlines()[1] == "Left out: process: kdd99-tf, as …"
    assert bench_document(some)["left_out"] == ["process: kdd99-tf, as …"]


def test_restores_stand_beside_the_cold_starts_between_them() -> None:
    assert restored_figures([5.0, 5.0, 5.0], [500.0], "f ") == {
        "f restored p50, ms": 5.0,
        "f restored p95, ms": 5.0,
        "  f in turns with cold p50, ms": 500.0,
        "  f restored over cold": 0.01,
    }


def test_ratios_are_to_the_floors_that_are_part_of_a_request_or_a_restore() -> None:
    floors = {ASGI_FLOOR: 0.05, ROUND_TRIP_FLOOR: 0.1, FORK_FLOOR: 0.5, "floor: other, ms": 9.0}
    figures = {"warm p50, 1 client, ms": 0.3, "restored p50, ms": 5.0}
    assert floor_ratios(figures, floors) == pytest.approx(
        {"warm p50 over both floors": 2.0, "restored p50 over a fork": 10.0}
    )
    assert floor_ratios({}, floors) == {}


def test_table_without_a_mark_has_no_legend() -> None:
    assert "short of" not in bench_table(BenchResults({"docker": {"cold p50, ms": 110.0}}, {}))


def test_document_has_every_figure_and_names_those_that_are_missed() -> None:
    document = json.loads(json.dumps(bench_document(RESULTS)))
    assert document["machine"] == {"cpus": 2}
    assert document["backends"] == {
        "docker": {"figures": FIGURES["docker"], "missed": ["invokes/s, 10 clients"]},
        "process": {"figures": FIGURES["process"], "missed": ["cold p50, ms"]},
    }
    assert document["wanted"]["warm p50, 1 client, ms"] == "<= .3 docker, <= .15 process"


def test_rates_are_of_all_requests_over_the_time_that_they_took() -> None:
    one = Outcome([1.0] * 10, 2.0, 0, 0, "", 30.0)
    ten = Outcome([1.0] * 60, 3.0, 0, 0, "", 20.0)
    assert rate_figures({1: one, 10: ten}) == {
        "invokes/s, 1 client": 5.0,
        "invokes/s, 10 clients": 20.0,
        "client's own CPU a request, us": 20.0,
    }
