"""Locust itself, as a user starts it, against a small server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.core.model import StartKind
from emulator.experiments.records.client_rows import CLIENT_HEADER, parse_client_row

if TYPE_CHECKING:
    from emulator.experiments.records.client_rows import ClientRow
    from tests.locustfiles.conftest import Gateway

ROOT = Path(__file__).parents[2]


def locust(
    name: str, gateway: Gateway, folder: Path, most_bytes: int = 0, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Runs Locust to its end; no file may grow beyond `most_bytes`, if given."""
    limit = ("prlimit", f"--fsize={most_bytes}") if most_bytes else ()
    return subprocess.run(
        [
            *limit,
            *(sys.executable, "-m", "locust", "-f", str(ROOT / "locustfiles" / f"{name}.py")),
            *("--headless", "--only-summary", "--host", gateway.url),
        ],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def rows(path: Path) -> list[ClientRow]:
    header, *lines = path.read_text().splitlines()
    assert header == CLIENT_HEADER
    return [parse_client_row(line) for line in lines]


def test_ramp_ends_by_itself_and_leaves_a_row_a_request(gateway: Gateway, tmp_path: Path) -> None:
    ended = locust("ramp", gateway, tmp_path, RAMP_SPEEDUP="150", PREDICT_BATCH="2")
    assert ended.returncode == 0, ended.stderr
    found = rows(tmp_path / "clients.csv")
    assert {row.request_id for row in found} == {f"r{n + 1}" for n in range(len(gateway.bodies))}
    assert sum(row.start_kind is StartKind.COLD for row in found) == 1
    assert {row.sandbox for row in found} == {"7"}
    assert all(len(body["records"]) == 2 for body in gateway.bodies)
    tries = 0
    while not {row.users for row in found} >= {3, 9}:  # a stall of half a second misses a step
        tries += 1
        assert tries < 5
        (again := tmp_path / str(tries)).mkdir()
        locust("ramp", gateway, again, RAMP_SPEEDUP="150")
        found = rows(again / "clients.csv")


def test_a_wrong_answer_is_a_failure_and_stands_in_its_row(
    gateway: Gateway, tmp_path: Path
) -> None:
    gateway.wrong = True
    path = tmp_path / "wrong.csv"
    ended = locust("ramp", gateway, tmp_path, RAMP_SPEEDUP="500", TESTBED_CLIENT_ROWS=str(path))
    assert ended.returncode == 1
    assert "3 predictions for 4 records" in ended.stdout + ended.stderr
    assert {row.error for row in rows(path)} == {"3 predictions for 4 records"}


def test_idle_prints_the_starts_and_ends(gateway: Gateway, tmp_path: Path) -> None:
    ended = locust("idle", gateway, tmp_path, IDLE_SPEEDUP="100000", PREDICT_PATH="/predict/numpy")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines().count("starts: CWWWW") == 1
    assert [row.path for row in rows(tmp_path / "clients.csv")] == ["/predict/numpy"] * 5


def test_a_bad_setting_ends_it_with_one_sentence(gateway: Gateway, tmp_path: Path) -> None:
    ended = locust("ramp", gateway, tmp_path, PREDICT_PATH="predict")
    assert ended.returncode == 1
    assert "PREDICT_PATH must begin with a slash, not 'predict'." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_poisson_requests_do_not_wait_for_one_another(gateway: Gateway, tmp_path: Path) -> None:
    settings = {"POISSON_RATE": "100", "POISSON_SECONDS": "0.5", "SEED": "3"}
    ended = locust("poisson", gateway, tmp_path, **settings)
    assert ended.returncode == 0, ended.stderr
    found = rows(tmp_path / "clients.csv")
    assert 30 < len(found) == len(gateway.bodies) < 80
    assert max(row.users for row in found) > 1


def test_a_trace_s_requests_are_all_sent(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("at\n0\n0\n0.2\n")
    ended = locust("trace", gateway, tmp_path)
    assert ended.returncode == 0, ended.stderr
    starts = sorted(row.start for row in rows(tmp_path / "clients.csv"))
    assert len(starts) == 3
    assert starts[2] - starts[0] >= 0.19


def test_a_payload_is_posted_as_it_is(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text('{"records": [],  "image": "x"}')
    settings = {"CONSTANT_SECONDS": "0.3", "TESTBED_PAYLOAD": str(tmp_path / "body.json")}
    ended = locust("constant", gateway, tmp_path, **settings)
    assert ended.returncode == 0, ended.stderr
    assert gateway.bodies[0] == {"records": [], "image": "x"}
    assert {row.error for row in rows(tmp_path / "clients.csv")} == {""}


def test_a_payload_that_is_no_json_ends_it_with_one_sentence(
    gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "body.json").write_text("{")
    ended = locust("idle", gateway, tmp_path, TESTBED_PAYLOAD=str(tmp_path / "body.json"))
    assert ended.returncode == 1
    assert "No JSON can be read from" in ended.stderr
    assert gateway.bodies == []


def test_a_disk_that_fills_under_the_rows_ends_it_with_one_sentence(
    gateway: Gateway, tmp_path: Path
) -> None:
    ended = locust("constant", gateway, tmp_path, most_bytes=600, CONSTANT_SECONDS="30")
    assert ended.returncode == 1
    assert ended.stderr.count("clients.csv can no longer be written: File too large") == 1
    assert "Traceback" not in ended.stderr


def test_events_are_right_when_they_are_accepted(gateway: Gateway, tmp_path: Path) -> None:
    told = {"POISSON_RATE": "40", "POISSON_SECONDS": "0.5", "INVOCATION_TYPE": "Event"}
    ended = locust("poisson", gateway, tmp_path, **told)
    assert ended.returncode == 0, ended.stderr
    found = rows(tmp_path / "clients.csv")
    assert len(found) > 5
    assert {(row.status, row.start_kind, row.error) for row in found} == {(202, None, "")}
    assert {row.request_id for row in found} == {f"e{n}" for n in range(1, len(found) + 1)}


def test_event_that_is_not_accepted_is_a_failure(gateway: Gateway, tmp_path: Path) -> None:
    gateway.wrong = True
    told = {"POISSON_RATE": "40", "POISSON_SECONDS": "0.3", "INVOCATION_TYPE": "Event"}
    assert locust("poisson", gateway, tmp_path, **told).returncode == 1
    assert {row.error for row in rows(tmp_path / "clients.csv")} == {"status 500:"}
