from __future__ import annotations

from emulator.experiments.benchmark.figures import BenchResults
from emulator.experiments.benchmark.pages import bench_page, comparison_page
from emulator.experiments.benchmark.turns import Comparison, TurnPlan


def test_page_marks_what_is_short_and_tells_what_records_miss() -> None:
    results = BenchResults({"docker": {"cold p50, ms": 127.0}}, {"cpus": 2}, ("docker: torn.",))
    page = bench_page(results)
    assert "| cold p50, ms | 127 * |" in page.replace("\\", "")
    assert "2 CPUs" in page
    assert "Incomplete: docker: torn." in page


def test_comparison_has_medians_beside_the_median_ratio_and_the_wanted() -> None:
    found = {"process": Comparison({"cold p50, ms": [30.0, 40.0]}, {"cold p50, ms": [15.0, 30.0]})}
    page = comparison_page(found, "older", TurnPlan(turns=2), load=0.25)
    row = "| cold p50, ms | process | 35.0 | 22.5 | 0.62 | <= 110 docker, <= 30 process |"
    assert row in page.replace("\\", "").replace("&lt;", "<")
    assert "older before" in page
    assert "load was 0.2" in page
