"""What /proc tells of a process and its descendants."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from emulator.host.processes import children, resident_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-S", "-c", sys.argv[1]], stdin=0, stdout=1)
child.wait()
"""
CHILD = "x = bytearray(b'x') * (60 << 20); del x; y = bytearray(b'x') * (30 << 20); "
CHILD += "print('ready', flush=True); input()"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-S", "-c", PARENT, CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process
        assert process.stdin
        process.stdin.close()
        process.wait(60)


def test_peak_outlives_what_was_freed(parent: subprocess.Popen[bytes]) -> None:
    (child,) = children(parent.pid)
    memory = resident_memory(child)
    assert 60 << 10 <= memory.peak - memory.shared < 80 << 10


def test_process_that_is_gone_uses_nothing() -> None:
    gone = 2**22 + os.getpid()
    with pytest.raises(OSError, match="No such file"):
        resident_memory(gone)
