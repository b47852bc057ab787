from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.benchmark.process_cost import cpu_seconds, parse_summary

if TYPE_CHECKING:
    from collections.abc import Iterator

SUMMARY = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 68.65    0.207294        1535       135        14 futex
 14.27    0.043097           6      6249           write
------ ----------- ----------- --------- --------- ----------------
100.00    0.301944          14      6384        14 total
"""


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        yield process
        process.kill()


def test_cpu_time_of_another_process_grows_as_it_works(busy: subprocess.Popen[bytes]) -> None:
    before = cpu_seconds(busy.pid)
    deadline = time.monotonic() + 10
    while cpu_seconds(busy.pid) < before + 0.05:
        assert time.monotonic() < deadline
    assert cpu_seconds(busy.pid) < before + 10


def test_cpu_time_of_no_process_is_an_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    with pytest.raises(OSError, match="No such file"):
        cpu_seconds(ended.pid)


def test_a_summary_has_the_calls_by_name_without_their_total() -> None:
    assert parse_summary(SUMMARY) == {"futex": 135, "write": 6249}
    assert parse_summary("") == {}
