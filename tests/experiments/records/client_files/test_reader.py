"""Files that JMeter and Taurus wrote of the ramp here, and k6's as its documentation shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.cli import main
from emulator.core.model import StartKind
from emulator.errors import RunDirectoryError
from emulator.experiments.records.client_files.reader import (
    Format,
    format_of,
    import_clients,
    read_rows,
)
from emulator.experiments.records.client_rows import ClientRow
from emulator.experiments.records.run_directory import read_run
from tests.experiments.made_study import TF, CellPlan, write_study

DATA = Path(__file__).parent / "data"
K6 = {
    "json": (
        '{"type":"Metric","data":{"name":"http_req_duration","type":"trend"},'
        '"metric":"http_req_duration"}\n'
        '{"metric":"vus","type":"Point","data":{"time":"2026-11-27T07:00:01Z","value":3,"tags":{}}}\n'
        '{"metric":"http_req_duration","type":"Point","data":{"time":"2026-11-27T07:00:01.5+00:00",'
        '"value":250,"tags":{"status":"200","url":"http://127.0.0.1:8000/predict",'
        '"expected_response":"true","request_id":"abc","start_kind":"cold","sandbox":"7"}}}\n'
        '{"metric":"http_req_duration","type":"Point","data":{"time":"2026-11-27T07:00:02Z",'
        '"value":10,"tags":{"status":"429","url":"http://127.0.0.1:8000/predict",'
        '"expected_response":"false"}}}\n'
    ),
    "csv": (
        "metric_name,timestamp,metric_value,check,error,error_code,expected_response,group,method,"
        "name,proto,scenario,service,status,subproto,tls_version,url,extra_tags,metadata\n"
        "vus,1795762801,3.000000,,,,,,,,,,,,,,,,\n"
        "http_req_duration,1795762801.5,250.000000,,,,true,,POST,p,HTTP/1.1,default,,200,,,"
        "http://127.0.0.1:8000/predict,request_id=abc&start_kind=cold&sandbox=7,\n"
        "http_req_duration,1795762802,10.000000,,,1429,false,,POST,p,HTTP/1.1,default,,429,,,"
        "http://127.0.0.1:8000/predict,,\n"
    ),
}


def rows_of(path: Path) -> list[ClientRow]:
    return list(read_rows(path, format_of(path)))


@pytest.mark.parametrize(
    ("name", "form"), [("jmeter.csv.jtl", Format.JTL_CSV), ("jmeter.xml.jtl", Format.JTL_XML)]
)
def test_what_jmeter_wrote_is_read_with_id_start_and_sandbox(name: str, form: Format) -> None:
    path = DATA / name
    assert format_of(path) is form
    rows = rows_of(path)
    assert all(len(row.request_id) == 36 and row.sandbox.isdecimal() for row in rows)
    assert {(row.status, row.path, row.error) for row in rows} == {(200, "/predict/numpy", "")}
    assert {row.start_kind for row in rows} == {StartKind.WARM}
    assert {row.users for row in rows} == {3 if form is Format.JTL_CSV else 9}
    first = rows[0]
    assert (first.start, first.latency_ms) in (
        (1795764688.016, 254.0),
        (1795764746.41, 794.0),
    )


def test_taurus_sums_up_locust_by_ends_and_without_ids() -> None:
    taurus, own = rows_of(DATA / "taurus.jtl"), rows_of(DATA / "taurus-clients.csv")
    assert {row.request_id for row in taurus} == {""}
    for theirs, ours in zip(taurus, own, strict=False):
        assert theirs.start == pytest.approx(ours.start, abs=0.002)
        assert theirs.latency_ms == pytest.approx(ours.latency_ms, abs=1)
        assert (theirs.users, theirs.status, theirs.path) == (ours.users, 200, ours.path)


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_a_request_of_k6_begins_before_its_point_by_its_duration(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "k6"
    path.write_text(K6[kind])
    cold, throttled = rows_of(path)
    assert cold == ClientRow(
        "abc", 1795762801.25, 250.0, 200, StartKind.COLD, "7", 3, "/predict", ""
    )
    assert (throttled.status, throttled.error, throttled.request_id) == (429, "status 429", "")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("nonsense\n", 1, "'nonsense' begins none of the known formats"),
        ("Type,Name,Request Count\n", 1, "these are Locust's sums, not its requests"),
        ("timeStamp,elapsed,label,responseCode,success\n1,2,p,200,true\n1,x,p,200,true\n", 3,
         "elapsed must be a number, not 'x'"),
        ("timeStamp,elapsed,label,responseCode,success\n1,2,p,200\n", 2,
         "it has not as many values as the header"),
        ("timeStamp,elapsed,label,responseCode,success\n1,2,p,200,yes\n", 2,
         "success must be true or false, not 'yes'"),
        (('<?xml version="1.0"?>\n<testResults>\n<httpSample ts="1" s="true" lb="p" rc="200"/>\n'
         "</testResults>"), 3, "elapsed is missing"),
        ('<?xml version="1.0"?>\n<testResults>\n<httpSample', 3, "it is no XML"),
        (K6["json"] + '{"metric":"vus"}\n', 5, "it is no metric of k6"),
        ("request_id,start,latency_ms,status,start_kind,sandbox,users,path,error\na,b\n", 2, ""),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(RunDirectoryError, match=f"file, line {line}: ") as caught:
        rows_of(path)
    assert said in str(caught.value)


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Path]:
    """A run that no client wrote rows of, and the rows that its clients would have written."""
    study = write_study(tmp_path / "study", [CellPlan(TF, 512, "idle")])
    (cell,) = (study / "cells").iterdir()
    return cell, (cell / "clients.csv").rename(tmp_path / "rows.csv")


def test_rows_are_joined_to_the_journal_by_their_id(
    run: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, rows = run
    assert read_run(folder).clients == ()
    assert main(["import", str(rows), str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "5 requests, client rows of the locustfiles.",
        "Each is in the run's journal.",
    ]
    assert len(read_run(folder).clients) == 5
    with pytest.raises(RunDirectoryError, match="is there already"):
        import_clients(rows, folder)


def test_rows_without_an_id_say_so(run: tuple[Path, Path]) -> None:
    imported = import_clients(DATA / "taurus.jtl", run[0])
    assert (imported.rows, imported.with_id, imported.joined) == (5, 0, 0)
    assert "None has a request id" in imported.sentences()[1]


def test_nothing_is_written_of_a_file_with_a_wrong_line(run: tuple[Path, Path]) -> None:
    folder, rows = run
    rows.write_text(rows.read_text() + "a,b\n")
    with pytest.raises(RunDirectoryError, match=r"line 7: "):
        import_clients(rows, folder)
    assert not (folder / "clients.csv").exists()
