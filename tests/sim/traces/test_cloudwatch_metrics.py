from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from emulator.sim.traces.cloudwatch_metrics import read
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.sim.traces.trace import Call

TEN, PAST = "2026-11-27T10:00:00+00:00", "2026-11-27T10:05:00+00:00"


def series(label: str, values: list[Any], name: str = "m1", **more: Any) -> dict[str, Any]:
    """As AWS answers: the newest first, of periods of five minutes."""
    times = [PAST, TEN][2 - len(values) :]
    whole = {"Id": name, "Label": label, "Timestamps": times, "Values": values}
    return whole | {"StatusCode": "Complete"} | more


def written(tmp_path: Path, *results: Any) -> Path:
    path = tmp_path / "shop.json"
    path.write_text(json.dumps({"MetricDataResults": results, "Messages": []}, indent=1))
    return path


def drawn(path: Path) -> list[Call]:
    return list(read(path).draw(random.Random(1)))


def test_calls_of_each_period_are_spread_over_it_and_take_its_duration(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        series("echo Invocations", [2.0, 30.0]),
        series("echo Duration", [250.0, 100.0]),
        series("echo ConcurrentExecutions", [9.0, 9.0]),
    )
    calls = drawn(path)
    assert [call.at for call in calls] == sorted(call.at for call in calls)
    assert Counter((int(call.at // 300), call.duration) for call in calls) == {
        (0, 0.1): 30,
        (1, 0.25): 2,
    }
    assert {call.function for call in calls} == {"echo"}


@pytest.mark.parametrize(
    ("label", "name", "function"),
    [
        ("Invocations", "m1", "shop"),
        ("echo Invocations", "m1", "echo"),
        ("my-echo Invocations Sum", "m1", "my-echo"),
        ("calls", "invocations_echo", "echo"),
        ("", "invocations", "shop"),
    ],
)
def test_label_or_id_names_metric_and_function_and_else_the_file_does(
    tmp_path: Path, label: str, name: str, function: str
) -> None:
    assert set(read(written(tmp_path, series(label, [1, 2], name))).functions) == {function}


def test_period_without_a_duration_leaves_it_open_and_one_value_counts_for_a_minute(
    tmp_path: Path,
) -> None:
    calls = drawn(written(tmp_path, series("Invocations", [40])))
    assert {call.duration for call in calls} == {None}
    assert 50 < max(call.at for call in calls) < 60


def test_times_may_be_seconds_since_1970_and_pages_may_repeat_a_series(tmp_path: Path) -> None:
    pages = [series("Invocations", [3], Timestamps=[1795773600 + 60 * n]) for n in range(2)]
    assert len(drawn(written(tmp_path, *pages))) == 6


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (7, r"shop.json, MetricDataResults\[1\]: no JSON object"),
        (series("Invocations", [1, "x"]), r"\[1\].Values\[1\]: 'x' is no number"),
        (series("Invocations", [1, -1]), r"\[1\].Values\[1\]: -1 is no number"),
        (series("Invocations", [1, 1.5]), r"\[1\].Values: 1.5 calls; ask for the statistic Sum"),
        (series("Duration", [1], Timestamps=["soon"]), r"\[1\].Timestamps\[0\]: 'soon' is no time"),
        (series("Duration", [1], Timestamps=[TEN, PAST]), "2 Timestamps, but 1 Values"),
        (series("Duration", [1], Values=None), "Timestamps and Values are no lists"),
        (series("Duration", [1], StatusCode="PartialData"), r"\[1\].StatusCode: PartialData"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(tmp_path: Path, result: Any, told: str) -> None:
    with pytest.raises(TraceError, match=told):
        read(written(tmp_path, series("Invocations", [1, 2]), result))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n "MetricDataResults": [\n  oops', "shop.json, line 3: no JSON"),
        ('{"events": []}', "has no list MetricDataResults"),
        ("[]", "has no list MetricDataResults"),
        ('{"MetricDataResults": [{"Label": "Errors"}]}', "called Invocations, but Errors"),
        ('{"MetricDataResults": []}', "called Invocations, but none"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "shop.json"
    path.write_text(text)
    with pytest.raises(TraceError, match=told):
        read(path)
