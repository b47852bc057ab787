"""Every format, in small files of its own shape; wrong lines are named."""

from __future__ import annotations

import gzip
import random
import re
from typing import TYPE_CHECKING

import pytest

from emulator.sim.distributions import Constant, Percentiles
from emulator.sim.traces import (
    access_log,
    api_gateway,
    azure2019,
    azure2021,
    cloudwatch,
    cloudwatch_metrics,
    huawei,
    table,
)
from emulator.sim.traces.trace import Call, TracedFunction
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emulator.sim.traces.trace import Trace

APP, ONE, TWO = "a" * 64, "1" * 64, "2" * 64
NAME_ONE, NAME_TWO = f"{'a' * 12}-{'1' * 12}", f"{'a' * 12}-{'2' * 12}"


def calls(trace: Trace) -> list[Call]:
    return list(trace.draw(random.Random(1)))


def test_azure_2021_begins_with_the_first_beginning_not_with_the_first_end(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        f"app,func,end_timestamp,duration\n{APP},{ONE},12.5,0.5\n{APP},{TWO},13.0,3.0\n"
    )
    trace = azure2021.read(path)
    assert calls(trace) == [Call(0.0, NAME_TWO, 3.0), Call(2.0, NAME_ONE, 0.5)]
    assert set(trace.functions) == {NAME_ONE, NAME_TWO}


def azure_2019(folder: Path, first_minute: str = "2") -> Path:
    shares = ",".join(f"percentile_Average_{share}" for share in (0, 1, 25, 50, 75, 99, 100))
    (folder / "invocations.csv").write_text(
        f"HashOwner,HashApp,HashFunction,Trigger,1,2,3\no,{APP},{ONE},http,{first_minute},0,1\n"
        f"o,{APP},{TWO},timer,0,3,0\n"
    )
    (folder / "durations.csv").write_text(
        f"HashOwner,HashApp,HashFunction,Average,{shares}\n"
        f"o,{APP},{ONE},100,0,10,50,100,200,900,1000\n"
    )
    (folder / "memory.csv").write_text(f"HashOwner,HashApp,AverageAllocatedMb\no,{APP},170.5\n")
    return folder


def test_azure_2019_spreads_each_minutes_calls_over_that_minute(tmp_path: Path) -> None:
    trace = azure2019.read(azure_2019(tmp_path))
    minutes = [(int(call.at // 60), call.function) for call in calls(trace)]
    assert minutes == [(0, NAME_ONE)] * 2 + [(1, NAME_TWO)] * 3 + [(2, NAME_ONE)]


def test_azure_2019_takes_durations_by_percentile_and_memory_by_application(
    tmp_path: Path,
) -> None:
    functions = azure2019.read(azure_2019(tmp_path)).functions
    points = ((0, 0), (0.01, 0.01), (0.25, 0.05), (0.5, 0.1), (0.75, 0.2), (0.99, 0.9), (1, 1.0))
    assert functions[NAME_ONE] == TracedFunction(NAME_ONE, 170.5, Percentiles(points))
    assert functions[NAME_TWO] == TracedFunction(NAME_TWO, 170.5, None)


def test_azure_2019_wants_each_kind_of_file_once(tmp_path: Path) -> None:
    azure_2019(tmp_path)
    (tmp_path / "durations2.csv").write_text("x\n")
    with pytest.raises(TraceError, match="2 files with durations"):
        azure2019.read(tmp_path)


def test_huawei_counts_by_the_minute_and_takes_memory_from_the_pool(tmp_path: Path) -> None:
    (tmp_path / "day_000.csv").write_text(
        "day,time,400---418---pool22-300-128,7\n0,0,2,\n0,60,0,1.0\n"
    )
    (tmp_path / "day_001.csv").write_text("day,time,400---418---pool22-300-128,7\n1,120,1,0\n")
    trace = huawei.read(tmp_path)
    found = [(int(call.at // 60), call.function[:3]) for call in calls(trace)]
    assert found == [(0, "400"), (0, "400"), (1, "7"), (2, "400")]
    assert [each.memory_mb for each in trace.functions.values()] == [128.0, None]


def test_huawei_takes_mean_delays_from_a_second_file(tmp_path: Path) -> None:
    (tmp_path / "requests.csv").write_text("day,time,7,8\n0,0,1,1\n")
    (tmp_path / "delays.csv").write_text("day,time,7\n0,0,0.5\n0,60,1.5\n")
    trace = huawei.read(tmp_path / "requests.csv", tmp_path / "delays.csv")
    assert [trace.functions[name].durations for name in ("7", "8")] == [Constant(1.0), None]


def test_access_log_names_functions_by_path_and_sorts_by_time(tmp_path: Path) -> None:
    path = tmp_path / "access.log.gz"
    with gzip.open(path, "wt") as log:
        log.write(
            '10.0.0.1 - - [10/Oct/2025:13:55:38 -0700] "GET /b HTTP/1.1" 200 12 "-" "curl/8"\n\n'
            '10.0.0.1 - ann [10/Oct/2025:13:55:36 -0700] "POST /a?x=1 HTTP/1.1" 200 2326\n'
        )
    trace = access_log.read(path)
    assert [(int(call.at), call.function) for call in calls(trace)] == [(0, "/a"), (2, "/b")]


def test_own_table_keeps_its_times_and_takes_durations_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("at,function,duration\n5,b,\n1.5,a,0.25\n")
    assert calls(table.read(path)) == [Call(1.5, "a", 0.25), Call(5.0, "b")]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        (
            "@timestamp,@duration\n2025-10-10 13:55:36.500,120\n2025-10-10 13:55:37.000,1\n",
            [0, 0.5],
        ),
        ("requestTime,resourcePath\n1760104536500,/x\n1760104536000,/y\n", [0, 0.5]),
    ],
)
def test_exports_of_cloudwatch_and_api_gateway_are_tables(
    tmp_path: Path, text: str, times: list[float]
) -> None:
    path = tmp_path / "export.csv"
    path.write_text(text)
    assert [call.at for call in calls(table.read(path))] == times


def _azure_2019_wrong(folder: Path) -> None:
    calls(azure2019.read(azure_2019(folder, "many")))


def _azure_2021_wrong(folder: Path) -> None:
    (folder / "t.csv").write_text("app,func,end_timestamp,duration\nx,y,1,1\nx,y,1,-1\n")
    azure2021.read(folder / "t.csv")


def _huawei_wrong(folder: Path) -> None:
    (folder / "t.csv").write_text("day,time,7\n0,0,1\n0,60,x\n")
    calls(huawei.read(folder / "t.csv"))


def _log_wrong(folder: Path) -> None:
    (folder / "t.csv").write_text("\nnonsense\n")
    access_log.read(folder / "t.csv")


def _table_wrong(folder: Path) -> None:
    (folder / "t.csv").write_text("at,function\n1,a\nnan,b\n")
    table.read(folder / "t.csv")


@pytest.mark.parametrize(
    ("read", "line"),
    [
        (_azure_2019_wrong, "invocations.csv, line 2"),
        (_azure_2021_wrong, "t.csv, line 3"),
        (_huawei_wrong, "t.csv, line 3"),
        (_log_wrong, "t.csv, line 2"),
        (_table_wrong, "t.csv, line 3"),
    ],
)
def test_wrong_line_is_named(tmp_path: Path, read: Callable[[Path], None], line: str) -> None:
    with pytest.raises(TraceError, match=line):
        read(tmp_path)


def test_table_without_times_and_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,2\n")
    with pytest.raises(TraceError, match="no column at"):
        table.read(tmp_path / "t.csv")
    with pytest.raises(TraceError, match="cannot be read"):
        table.read(tmp_path / "missing.csv")


def test_percentiles_are_drawn_evenly_between_each_two() -> None:
    chance = random.Random(1)
    drawn = sorted(
        Percentiles(((0.0, 0.0), (0.5, 1.0), (1.0, 9.0))).draw(chance) for _ in range(4000)
    )
    assert drawn[2000] == pytest.approx(1.0, abs=0.3)
    assert drawn[3000] == pytest.approx(5.0, abs=0.4)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("5,b,x", "t.csv, line 3: 'x' is no number from 0 on"),
        ("5,b,-1", "t.csv, line 3: '-1' is no number from 0 on"),
        ("soon,b,1", "t.csv, line 3: 'soon' is neither seconds nor a time of day"),
    ],
)
def test_wrong_row_of_a_table_is_told_in_words(tmp_path: Path, row: str, told: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"at,function,duration\n1,a,0.25\n{row}\n")
    with pytest.raises(TraceError, match=told):
        table.read(path)


READERS = {
    "csv": table.read,
    "azure2021": azure2021.read,
    "huawei": huawei.read,
    "access-log": access_log.read,
    "cloudwatch": cloudwatch.read,
    "cloudwatch-metrics": cloudwatch_metrics.read,
    "api-gateway": api_gateway.read,
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize(
    ("name", "fault"), [("t.csv", "t.csv is no text"), ("t.csv.gz", "t.csv.gz is damaged")]
)
def test_what_is_no_text_is_refused(
    tmp_path: Path, read: Callable[[Path], Trace], name: str, fault: str
) -> None:
    (tmp_path / name).write_bytes(b"at,function\n1,\xff\xfe\n")
    with pytest.raises(TraceError, match=re.escape(fault)):
        calls(read(tmp_path / name))


def test_a_packed_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"at,function\n" + b"1,a\n" * 99)[:-9])
    with pytest.raises(TraceError, match="is damaged"):
        table.read(path)


def test_a_mark_of_byte_order_is_no_part_of_a_column(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("at,function,duration\n1,a,0.5\n", encoding="utf-8-sig")
    assert calls(table.read(path)) == [Call(1.0, "a", 0.5)]


@pytest.mark.parametrize("row", ["2,a,0.5,7", "2,a,0.5,"])
def test_a_row_with_more_cells_than_columns_is_refused(tmp_path: Path, row: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"at,function,duration\n1,a,0.5\n{row}\n")
    with pytest.raises(TraceError, match=r"t\.csv, line 3: more than 3 cells"):
        table.read(path)


def test_a_row_that_ends_too_soon_is_refused(tmp_path: Path) -> None:
    folder = azure_2019(tmp_path)
    with (folder / "durations.csv").open("a") as file:
        file.write(f"o,{APP},{TWO},100\n")
    with pytest.raises(TraceError, match=r"durations\.csv, line 3: too few cells"):
        azure2019.read(folder)


def test_azure_2019_asks_for_a_folder(tmp_path: Path) -> None:
    file = azure_2019(tmp_path) / "invocations.csv"
    with pytest.raises(TraceError, match="is no folder; azure2019 reads the folder of a day"):
        azure2019.read(file)
