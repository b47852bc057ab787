from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.model import StartKind
from emulator.experiments.records.client_rows import append_client_rows
from emulator.experiments.runner.row_follower import RowFollower

if TYPE_CHECKING:
    from pathlib import Path

    from tests.experiments.conftest import MadeRun


def test_news_are_of_the_rows_since_the_last_look(made: MadeRun) -> None:
    path = made.path / "clients.csv"
    follower = RowFollower(path)
    assert follower.news(2) == "waiting for answers"
    made.seen("a", 1.0, 2.5, start_kind=StartKind.COLD, users=3)
    made.seen("b", 1.0, 1234.5, users=6)
    append_client_rows(path, made.rows)
    assert follower.news(2) == (
        "  6 users      1.0 answers/s   slowest    1234 ms    1 cold starts"
    )
    assert follower.news(2) == "waiting for answers"
    made.seen("c", 2.0, 1.0, status=500, error="no")
    append_client_rows(path, made.rows[2:])
    assert follower.news(1).endswith("0 cold starts   1 failed")


def test_rows_from_before_are_not_news(made: MadeRun) -> None:
    made.seen("a", 1.0, 2.5)
    append_client_rows(made.path / "clients.csv", made.rows)
    assert RowFollower(made.path / "clients.csv").news(2) == "waiting for answers"


def test_half_a_row_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    follower = RowFollower(path)
    path.write_text(
        "request_id,start,latency_ms,status,start_kind,sandbox,users,path,error\na,1.0,"
    )
    assert follower.news(2) == "waiting for answers"
    with path.open("a") as file:
        file.write("7.0,200,warm,1,3,/predict,\n")
    assert follower.news(2).startswith("  3 users      0.5 answers/s")
