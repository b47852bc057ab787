from __future__ import annotations

import csv
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest
from pyarrow import parquet

from emulator.errors import RunDirectoryError
from emulator.experiments.records.request_table import (
    RequestRow,
    columns,
    read_csv,
    write_csv,
    write_parquet,
)

if TYPE_CHECKING:
    from pathlib import Path

COLD = RequestRow(
    cell="a-512mb",
    function="a",
    memory_mb=512,
    loading="template",
    profile="aws-2018",
    backend="process",
    keep_alive="600",
    pick_order="most-recently-used",
    scenario="ramp",
    repetition=1,
    user_count=3,
    sent_at_s=86_400.000001,
    latency_ms=1500.25,
    http_status=200,
    ok=True,
    error="",
    request_id="r1",
    start="cold",
    sandbox="7",
    queued_ms=0.0,
    create_ms=1.0,
    start_ms=2.0,
    connect_ms=3.0,
    init_ms=4.0,
    leftover_ms=5.0,
    duration_ms=6.5,
    init_duration_ms=7.0,
    billed_ms=100,
    dollars={"2018": 1.0335e-06, "2025": 2.166667e-07},
    max_memory_mb=40,
    throttled_ms=0.5,
    emulator_status="ok",
    error_type="",
    host_bound=True,
    anonymous_mb=30,
    cache_mb=5,
    major_faults=4,
    refaults=0,
    heap_mb=9,
    metaspace_mb=20,
    gc_count=3,
    gc_ms=1.5,
)
LOST = replace(
    COLD,
    ok=False,
    error='no answer: "a, b"',
    http_status=0,
    **dict.fromkeys(
        ("queued_ms", "create_ms", "start_ms", "connect_ms", "init_ms", "leftover_ms"), None
    ),
    **dict.fromkeys(("duration_ms", "init_duration_ms", "billed_ms", "max_memory_mb"), None),
    dollars={},
    throttled_ms=None,
    host_bound=False,
    **dict.fromkeys(("anonymous_mb", "cache_mb", "major_faults", "refaults"), None),
    **dict.fromkeys(("heap_mb", "metaspace_mb", "gc_count", "gc_ms"), None),
)


def test_rows_come_back_from_csv_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    write_csv(path, [COLD, LOST])
    assert path.read_text().splitlines()[0] == ",".join(columns())
    assert read_csv(path) == [COLD, LOST]
    assert list(tmp_path.iterdir()) == [path]


def test_a_long_table_comes_back_whole_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    rows = [replace(LOST if n % 7 else COLD, request_id=f"r{n}") for n in range(12_345)]
    write_csv(path, rows)
    assert read_csv(path) == rows
    with path.open("a") as file:
        file.write("a,b\n")
    with pytest.raises(RunDirectoryError, match="a row of 2 fields"):
        read_csv(path)


@pytest.mark.parametrize(
    ("last", "missing"),
    [("host_bound", 19), ("download_ms", 15), ("refaults", 11), ("gc_ms", 7)],
)
def test_table_of_an_earlier_version_lacks_the_last_columns(
    tmp_path: Path, last: str, missing: int
) -> None:
    path = tmp_path / "requests.csv"
    write_csv(path, [COLD])
    lines = [line.rsplit(",", missing)[0] for line in path.read_text().splitlines()]
    assert lines[0].endswith(f",{last}")
    path.write_text("".join(f"{line}\n" for line in lines))
    assert read_csv(path) == [replace(COLD, **dict.fromkeys(columns()[-missing:], None))]


def test_rows_come_back_from_parquet_with_their_types(tmp_path: Path) -> None:
    path = tmp_path / "requests.parquet"
    write_parquet(path, [COLD, LOST])
    table = parquet.read_table(path)
    assert tuple(table.column_names) == columns()
    flat = [asdict(row) for row in (COLD, LOST)]
    for row in flat:
        paid = row.pop("dollars")
        row |= {"dollars_2018": paid.get("2018"), "dollars_2025": paid.get("2025")}
    assert table.to_pylist() == flat


def test_a_table_without_rows_has_its_columns_and_types(tmp_path: Path) -> None:
    write_csv(tmp_path / "r.csv", [])
    write_parquet(tmp_path / "r.parquet", [])
    assert read_csv(tmp_path / "r.csv") == []
    assert str(parquet.read_table(tmp_path / "r.parquet").schema.field("billed_ms").type) == "int64"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: "x" + text, "other columns"),
        (lambda text: text.replace("true", "perhaps"), "neither true nor false"),
        (lambda text: text.replace(",512,", ",much,"), "is damaged"),
        (lambda text: text + "a,b\n", "a row of 2 fields"),
    ],
)
def test_damage_is_an_error(tmp_path: Path, damage: object, message: str) -> None:
    path = tmp_path / "requests.csv"
    write_csv(path, [COLD])
    path.write_text(damage(path.read_text()))  # type: ignore[operator]
    with pytest.raises(RunDirectoryError, match=message):
        read_csv(path)


def test_a_missing_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="No such file"):
        read_csv(tmp_path / "requests.csv")


def test_a_table_from_before_there_was_a_network_is_read(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    write_csv(path, [COLD])
    since = ("network_ms", "gateway_ms", "waited_ms", "download_ms")
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    kept = [place for place, name in enumerate(rows[0]) if name not in since]
    assert len(kept) == len(rows[0]) - len(since)
    path.write_text("".join(",".join(row[place] for place in kept) + "\n" for row in rows))
    assert read_csv(path) == [COLD]
