from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.records.client_rows import CLIENT_HEADER, parse_client_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType


@pytest.fixture
def common(locustfile: Callable[[str], ModuleType]) -> ModuleType:
    return locustfile("common")


def row(common: ModuleType, request: str, **changes: object) -> object:
    values = {
        "request_id": request,
        "start": 1_700_000_000.1234567,
        "latency_ms": 12.34567,
        "status": 200,
        "start_kind": "warm",
        "sandbox": "3",
        "users": 9,
        "path": "/predict",
        "error": "",
    }
    return common.Row(**values | changes)


def test_a_row_is_one_line_that_the_report_reads(common: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    writer = common.RowWriter(path)
    writer.add(row(common, "r1"))
    header, line = path.read_text().splitlines()  # not closed yet: each line is out at once
    writer.close()
    assert header == CLIENT_HEADER
    assert line == "r1,1700000000.123457,12.346,200,warm,3,9,/predict,"
    assert parse_client_row(line).start == pytest.approx(1_700_000_000.123457)


def test_an_error_with_commas_and_quotes_is_read_back(common: ModuleType, tmp_path: Path) -> None:
    writer = common.RowWriter(tmp_path / "rows.csv")
    writer.add(row(common, "", status=0, error='no, "never"', start_kind=""))
    writer.close()
    line = (tmp_path / "rows.csv").read_text().splitlines()[1]
    read = parse_client_row(line)
    assert (read.status, read.error, read.start_kind) == (0, 'no, "never"', None)


def test_the_header_is_written_once_however_many_write(common: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    writers = [common.RowWriter(path) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: writers[n % 4].add(row(common, f"r{n}")), range(400)))
    for writer in writers:
        writer.close()
    rows = list(csv.reader(path.read_text().splitlines()))
    assert ",".join(rows[0]) == CLIENT_HEADER
    assert sorted(row[0] for row in rows[1:]) == sorted(f"r{n}" for n in range(400))


def test_a_row_after_the_end_is_dropped(common: ModuleType, tmp_path: Path) -> None:
    writer = common.RowWriter(tmp_path / "clients.csv")
    writer.close()
    writer.add(row(common, "late"))
    assert (tmp_path / "clients.csv").read_text().splitlines() == [CLIENT_HEADER]


def test_a_file_that_cannot_be_written_is_a_sentence(common: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="TESTBED_CLIENT_ROWS names another file"):
        common.RowWriter(tmp_path / "nowhere" / "clients.csv")


@pytest.mark.parametrize(("text", "value"), [("", 0.5), (" ", 0.5), ("2", 2.0), ("1e1", 10.0)])
def test_a_number_comes_from_the_environment_or_its_default(
    common: ModuleType, monkeypatch: pytest.MonkeyPatch, text: str, value: float
) -> None:
    monkeypatch.setenv("SOME_NUMBER", text)
    assert common.number("SOME_NUMBER", 0.5) == value


@pytest.mark.parametrize("text", ["two", "nan", "inf", "-0.1"])
def test_what_is_no_number_is_a_sentence(
    common: ModuleType, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("SOME_NUMBER", text)
    with pytest.raises(
        SystemExit, match=f"SOME_NUMBER must be a number of at least 0, not '{text}'"
    ):
        common.number("SOME_NUMBER", 1.0)


def test_batches_go_around_all_records(common: ModuleType) -> None:
    batches = common.Batches([[1], [2], [3]], 2)
    assert [batches.take() for _ in range(4)] == [[[1], [2]], [[3], [1]], [[2], [3]], [[1], [2]]]


def test_records_of_the_project_can_be_read(common: ModuleType) -> None:
    records = common.read_records(common.RECORDS)
    assert len(records) > 100
    assert all(len(record) == 3 for record in records)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"records": []}', '{"records": [[1, 2]]}', '{"rows": [[1, 2, 3]]}']
)
def test_records_that_are_none_are_a_sentence(
    common: ModuleType, tmp_path: Path, text: str
) -> None:
    (tmp_path / "records.json").write_text(text)
    with pytest.raises(SystemExit, match=r"records\.json"):
        common.read_records(tmp_path / "records.json")


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (200, json.dumps({"predictions": [1, 2]}), ""),
        (200, json.dumps({"predictions": [1]}), "1 predictions for 2 records"),
        (200, '{"message": "?"}', 'the answer has no predictions: {"message": "?"}'),
        (200, '{"predictions": 3}', 'the answer has no predictions: {"predictions": 3}'),
        (200, None, "the answer has no predictions: None"),
        (200, "[]", "the answer has no predictions: []"),
        (429, '{"message": "Rate"}\n', 'status 429: {"message": "Rate"}'),
        (502, None, "status 502: "),
        (0, None, "no answer"),
    ],
)
def test_an_answer_is_right_or_has_a_complaint(
    common: ModuleType, status: int, text: str | None, said: str
) -> None:
    assert common.complaint(status, text, 2) == said


def test_a_long_complaint_is_cut(common: ModuleType) -> None:
    assert len(common.complaint(500, "x" * 10_000, 2)) == common.LONGEST_ERROR


@pytest.mark.parametrize(
    ("status", "text", "function_error", "said"),
    [
        (200, "anything", None, ""),
        (200, "boom", "Unhandled", "Unhandled: boom"),
        (502, "Bad Gateway", None, "status 502: Bad Gateway"),
        (0, None, None, "no answer"),
    ],
)
def test_an_unknown_answer_is_right_where_its_function_did_not_fail(
    common: ModuleType, status: int, text: str | None, function_error: str | None, said: str
) -> None:
    assert common.function_complaint(status, text, function_error) == said


def test_the_page_cache_is_dropped_by_the_kernel_s_switch(
    common: ModuleType, tmp_path: Path
) -> None:
    switch = tmp_path / "drop_caches"
    common.drop_page_cache(switch)
    assert switch.read_text() == "3"
    with pytest.raises(SystemExit, match="The page cache cannot be dropped"):
        common.drop_page_cache(tmp_path / "none" / "drop_caches")


def test_dilation_is_no_less_than_life(common: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DILATION", raising=False)
    assert common.dilation() == 1
    monkeypatch.setenv("DILATION", "8")
    assert common.dilation() == 8
    monkeypatch.setenv("DILATION", "0.5")
    with pytest.raises(SystemExit, match="DILATION must be a number of at least 1"):
        common.dilation()
