from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.chaos.faults import small_disk
from emulator.experiments.chaos.leftovers import leftovers

if TYPE_CHECKING:
    from pathlib import Path

INSTANCE = "feedc0ffee12"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "instance").write_text(json.dumps({"id": INSTANCE}))
    return tmp_path


def test_nothing_is_left_of_an_emulator_that_made_nothing(state: Path) -> None:
    assert leftovers(state) == set()


def test_process_that_bears_the_mark_is_left(state: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)", f"name=testbed-{INSTANCE}-1-1"]
    with subprocess.Popen(sleep) as process:
        try:
            (line,) = leftovers(state)
        finally:
            process.send_signal(signal.SIGKILL)
    assert line.startswith(f"process {process.pid}: ")


def test_process_that_has_ended_and_waits_for_its_parent_is_not_left(state: Path) -> None:
    sleep = [sys.executable, "-c", "", f"name=testbed-{INSTANCE}-1-1"]
    with subprocess.Popen(sleep) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert leftovers(state) == set()


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mount"), reason="only root may mount a file system"
)
def test_mount_below_the_state_folder_is_left_until_it_is_taken_away(state: Path) -> None:
    folder = state / "runs"
    with small_disk(folder):
        assert leftovers(state) == {f"mount {folder}"}
    assert leftovers(state) == set()
