from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from emulator.errors import TestbedError
from emulator.experiments.runner.emulator_process import EmulatorProcess, end, stoppable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("I stay", flush=True)
time.sleep(60)
"""


class Impatient:
    """Tells the time as the module does, and an hour later once the emulator has said something."""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def monotonic(self) -> float:
        return time.monotonic() + (3600 if self._told else 0)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def emulator(
    python: str, tmp_path: Path, told: list[str], *, within: float = 20
) -> EmulatorProcess:
    options = ("--run-dir", str(tmp_path / "run"), "--backend", "process")
    return EmulatorProcess(
        options, tmp_path / "emulator.log", ready_within=within, tell=told.append, python=python
    )


def test_inside_it_serves_and_afterwards_it_is_gone(stand_in: str, tmp_path: Path) -> None:
    told: list[str] = []
    with emulator(stand_in, tmp_path, told) as running:
        assert httpx.get(f"{running.url}/healthz").status_code == 200
        running.check()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}/healthz")
    assert told == ["  | Deploying echo"]
    assert (tmp_path / "emulator.log").read_text() == "Deploying echo\n"


def test_an_early_end_is_told_with_the_end_of_its_log(
    interpreter: Callable[[str], str], tmp_path: Path
) -> None:
    python = interpreter("print('first'); raise SystemExit('testbed: Port 1 is taken.')")
    with pytest.raises(TestbedError) as caught, emulator(python, tmp_path, []):
        pass
    assert str(caught.value) == (
        f"The emulator ended before it served; the end of its log ({tmp_path / 'emulator.log'}):\n"
        "  | first\n"
        "  | testbed: Port 1 is taken."
    )


def test_one_that_never_serves_is_given_up_and_killed(
    interpreter: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.experiments.runner.emulator_process._STOP_WITHIN", 0.1)
    monkeypatch.setattr("emulator.experiments.runner.emulator_process.time", Impatient(told := []))
    script = STUBBORN.replace("I stay", "{os.getpid()}").replace('print("', 'import os; print(f"')
    with (
        pytest.raises(TestbedError, match=r"did not serve within 60 s"),
        emulator(interpreter(script), tmp_path, told, within=60),
    ):
        pass
    (line,) = told
    with pytest.raises(ProcessLookupError):
        os.kill(int(line.removeprefix("  | ")), 0)


def test_its_death_is_noticed(stand_in: str, tmp_path: Path) -> None:
    with emulator(stand_in, tmp_path, []) as running:
        assert running._process is not None
        running._process.kill()
        running._process.wait()
        with pytest.raises(TestbedError, match="ended with exit code -9"):
            running.check()


def test_a_failure_inside_ends_it(stand_in: str, tmp_path: Path) -> None:
    running = emulator(stand_in, tmp_path, [])
    with pytest.raises(KeyboardInterrupt), running:
        raise KeyboardInterrupt
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}/healthz")


def test_a_child_that_ignores_sigterm_is_killed(interpreter: Callable[[str], str]) -> None:
    child = subprocess.Popen(
        [interpreter(STUBBORN)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert child.stdout is not None
    with child.stdout:
        child.stdout.readline()
        end(child, within=0.1)
    assert child.returncode == -signal.SIGKILL


def test_sigterm_unwinds_the_stack() -> None:
    unwound, before = [], signal.getsignal(signal.SIGTERM)

    def work() -> None:
        with stoppable():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                signal.pause()
            finally:
                unwound.append(True)

    with pytest.raises(SystemExit) as caught:
        work()
    assert caught.value.code == 128 + signal.SIGTERM
    assert unwound == [True]
    assert signal.getsignal(signal.SIGTERM) is before


TALKATIVE = """
import sys
for _ in range(20_000):
    print("x" * 100)
raise SystemExit("the last words")
"""


def test_a_full_disk_under_the_log_does_not_hold_the_emulator_up(
    interpreter: Callable[[str], str], tmp_path: Path
) -> None:
    log = tmp_path / "emulator.log"
    log.symlink_to("/dev/full")
    told: list[str] = []
    process = EmulatorProcess(
        (), log, ready_within=20, tell=told.append, python=interpreter(TALKATIVE)
    )
    with pytest.raises(TestbedError, match=r"ended before it served[^!]*the last words"), process:
        pass
    assert sum("cannot be written: No space left on device" in line for line in told) == 1


def test_a_log_that_cannot_be_made_is_told(stand_in: str, tmp_path: Path) -> None:
    process = EmulatorProcess(
        (), tmp_path / "no" / "emulator.log", ready_within=20, python=stand_in
    )
    with (
        pytest.raises(TestbedError, match=r"\.log cannot be written: No such"),
        process,
    ):
        pass
