from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from emulator.core.model import StartKind
from emulator.errors import RunDirectoryError
from emulator.experiments.records.client_rows import ClientRow
from emulator.experiments.runner.host_monitor import (
    HostGuard,
    judge,
    under_way,
)
from emulator.host.activity import HostProbe, HostSample

if TYPE_CHECKING:
    from pathlib import Path

CALM = HostSample(100.0, 0.5, 0.0, 1.0, 8000.0, 0.4)


def client(at: float, latency_ms: float) -> ClientRow:
    return ClientRow("r", at, latency_ms, 200, None, "1", 1, "/predict", "")


def test_a_calm_host_is_no_bottleneck() -> None:
    verdict = judge([CALM] * 4, 2)
    assert (verdict.verdict, verdict.why, verdict.bound) == ("ok", "", False)
    assert (verdict.cpu_p95, verdict.load_max, verdict.mem_available_min_mb) == (0.5, 1.0, 8000.0)


def test_nothing_sampled_is_no_verdict_against_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "no-proc"))
    with HostGuard(tmp_path / "host.csv") as guard:
        pass
    verdict = guard.verdict([client(10, 1000)])
    assert (verdict.verdict, verdict.why) == ("ok", "the host was not sampled")
    assert (verdict.cpu_p95, verdict.bound) == (None, False)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"cpu_busy": 0.97}, "CPU full 100% of the time, 40% of it by sandboxes"),
        ({"cpu_busy": 0.97, "sandbox_cpu": None}, "CPU full 100% of the time"),
        ({"steal": 0.06}, "6% of the CPU stolen by the hypervisor"),
        ({"load1": 6.1}, "load 6.1 on 2 CPUs"),
        ({"mem_available_mb": 150.0}, "only 150 MB of memory available"),
    ],
)
def test_each_shortage_is_a_reason(change: dict[str, float], why: str) -> None:
    verdict = judge([replace(CALM, **change)] * 4, 2)
    assert (verdict.verdict, verdict.why, verdict.bound) == ("host-bound", why, True)


@pytest.mark.parametrize(
    ("full", "bound", "remark"),
    [
        (1, False, ""),
        (2, False, "CPU full: 20% of the time, 40% of it by sandboxes"),
        (3, True, ""),
    ],
)
def test_a_full_cpu_is_a_remark_and_when_it_is_full_for_longer_a_reason(
    full: int, bound: bool, remark: str
) -> None:
    verdict = judge([CALM] * (10 - full) + [replace(CALM, cpu_busy=1.0)] * full, 2)
    assert (verdict.bound, verdict.remark) == (bound, remark)


def test_load_that_was_there_before_the_cell_is_not_the_cells() -> None:
    """A calm cell after a busy one was called host-bound."""
    first = replace(CALM, load1=6.8)
    fading = [replace(CALM, at_epoch=100.0 + 10 * n, load1=6.8 * 0.8465**n) for n in range(6)]
    assert judge(fading, 2, first=first).load_max == pytest.approx(0.0, abs=0.01)
    own = judge([replace(CALM, at_epoch=160.0, load1=9.0)], 2, first=first)
    assert own.why == "load 6.5 on 2 CPUs"  # 9 without 6.8/e


@pytest.mark.parametrize(
    ("full", "samples", "remark"),
    [
        (3, 9, "CPU full in 33% of the time of cold starts, 40% of it by sandboxes"),
        (2, 9, ""),
        (3, 7, ""),
    ],
)
def test_cold_starts_that_waited_for_a_cpu_are_told_however_few_they_are(
    full: int, samples: int, remark: str
) -> None:
    cold = [
        replace(CALM, at_epoch=float(n), cpu_busy=0.97 if n < full else 0.5) for n in range(samples)
    ]
    warm = [replace(CALM, at_epoch=1000.0 + n) for n in range(90)]
    verdict = judge(cold + warm, 2, cold)
    assert (verdict.bound, verdict.remark) == (False, remark)


def test_a_cpu_that_was_full_in_cold_starts_alone_is_told_so(tmp_path: Path) -> None:
    guard = HostGuard(tmp_path / "host.csv", every=0.5)
    full = replace(CALM, cpu_busy=1.0)
    guard._samples = [replace(full, at_epoch=10.4)]
    guard._samples += [replace(CALM, at_epoch=11.2 + place / 2) for place in range(6)]
    cold = replace(client(10, 500), start_kind=StartKind.COLD)
    told = "14% of the time, 40% of it by sandboxes"
    in_cold_starts = guard.verdict([cold, client(10.5, 4000)])
    assert in_cold_starts.remark == f"CPU full during cold starts: {told}"
    in_warm_requests = guard.verdict([client(10, 4500)])
    assert in_warm_requests.remark == f"CPU full: {told}"
    assert not in_warm_requests.bound


def test_requests_that_overlap_are_one_span() -> None:
    rows = [client(5, 1000), client(1, 2000), client(2, 500), client(2.5, 1000)]
    assert under_way(rows) == [(1, 3.5), (5, 6)]


def test_only_time_with_a_request_under_way_is_judged(tmp_path: Path) -> None:
    guard = HostGuard(tmp_path / "host.csv", every=0.5)
    full = replace(CALM, cpu_busy=1.0)
    guard._samples = [replace(full, at_epoch=9.9), replace(CALM, at_epoch=10.4)]
    guard._samples += [replace(CALM, at_epoch=11.2), replace(full, at_epoch=11.6)]
    assert not guard.verdict([client(10, 1000)]).bound
    assert guard.verdict([client(10, 1100)]).bound


def test_sample_of_a_guard_that_stood_still_tells_of_all_that_time(tmp_path: Path) -> None:
    guard = HostGuard(tmp_path / "host.csv", every=0.5)
    guard._samples = [replace(CALM, at_epoch=10.0), replace(CALM, at_epoch=14.0, cpu_busy=1.0)]
    verdict = guard.verdict([client(11, 500)])
    assert (verdict.cpu_p95, verdict.mem_available_min_mb) == (1.0, 8000.0)


def test_request_before_the_first_sample_is_in_its_time(tmp_path: Path) -> None:
    began = time.time()
    with HostGuard(tmp_path / "host.csv", every=0.01) as guard:
        pass
    guard._samples = [replace(CALM, at_epoch=began + 99.0)]
    assert guard.verdict([client(began + 60, 500)]).cpu_p95 == 0.5


def test_the_guard_writes_what_it_samples_until_it_is_left(tmp_path: Path) -> None:
    class Probe(HostProbe):
        def __init__(self) -> None:
            self.asked = threading.Event()

        def sample(self) -> HostSample:
            self.asked.set()
            return replace(CALM, sandbox_cpu=None)

    probe = Probe()
    with HostGuard(tmp_path / "host.csv", probe, every=0.001):
        assert probe.asked.wait(60)
    head, *lines = (tmp_path / "host.csv").read_text().splitlines()
    assert head == "at_epoch,cpu_busy,steal,load1,mem_available_mb,sandbox_cpu"
    assert set(lines) == {"100.0,0.5,0.0,1.0,8000.0,"}
    assert len(lines) >= 2  # the last one comes when it is left


def test_this_host_can_be_sampled() -> None:
    sample = HostProbe().sample()
    assert 0 <= sample.cpu_busy <= 1
    assert sample.mem_available_mb > 0


def test_samples_that_cannot_be_written_are_told_at_the_end(tmp_path: Path) -> None:
    with (
        pytest.raises(RunDirectoryError, match=r"host\.csv cannot be written: No such file"),
        HostGuard(tmp_path / "no" / "host.csv", every=0.01),
    ):
        pass
