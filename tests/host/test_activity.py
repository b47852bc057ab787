"""What the machine is busy with, from a /proc of plain files and from the machine's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

from emulator.host import activity
from emulator.host.activity import HostProbe, stolen_ms

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    (tmp_path / "meminfo").write_text(
        "MemTotal: 9000000 kB\nMemFree: 5 kB\nMemAvailable:    2097152 kB\nBuffers: 0 kB\n"
        "Cached: 0 kB\nShmem: 0 kB\nActive: 0 kB\nInactive: 0 kB\n"
    )
    write_cpu(tmp_path, "100 0 100 1000 0 0 0 0")
    return tmp_path


def write_cpu(proc: Path, ticks: str) -> None:
    (proc / "stat").write_text(f"cpu  {ticks} 7 0\ncpu0 1 2 3\n")


def write_sandbox(proc: Path, ticks: int) -> None:
    folder = proc / "4711"
    folder.mkdir(exist_ok=True)
    (folder / "environ").write_bytes(b"PATH=/bin\0AWS_LAMBDA_RUNTIME_API=127.0.0.1:1\0")
    (folder / "stat").write_text(f"4711 (py (x) y) S {' 0' * 10} {ticks} 5 0 0\n")


def test_shares_are_of_the_time_since_the_last_sample(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter((50.0, 52.0))
    monkeypatch.setattr(activity.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(activity.os, "cpu_count", lambda: 2)
    write_sandbox(proc, 1000)
    probe = HostProbe(proc)
    tick = activity.os.sysconf("SC_CLK_TCK")
    write_cpu(proc, "160 0 120 1080 20 0 0 20")
    write_sandbox(proc, 1000 + tick)
    sample = probe.sample()
    assert (sample.cpu_busy, sample.steal) == (0.5, 0.1)  # of 200 ticks 100 idle, 20 stolen
    assert sample.mem_available_mb == 2048
    assert sample.sandbox_cpu == 0.25  # one second, of two CPUs in two seconds


def test_share_of_sandboxes_is_unknown_without_a_sandbox(proc: Path) -> None:
    (proc / "12").mkdir()  # a process that ended while it was looked at
    assert HostProbe(proc).sample().sandbox_cpu is None


def test_machine_is_sampled_where_no_process_can_be_looked_at(tmp_path: Path) -> None:
    assert HostProbe(tmp_path / "no-proc").sample().sandbox_cpu is None


def test_stolen_time_is_told_in_milliseconds(proc: Path) -> None:
    tick = activity.os.sysconf("SC_CLK_TCK")
    write_cpu(proc, f"1 2 3 4 5 6 7 {3 * tick}")
    assert stolen_ms() == 3000.0


def test_this_machine_can_be_sampled() -> None:
    sample = HostProbe().sample()
    assert 0 <= sample.cpu_busy <= 1
    assert sample.mem_available_mb > 0
    assert sample.load1 >= 0
