from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.plan.dilation import TENSORFLOW_INIT
from emulator.experiments.runner import start_speed
from emulator.experiments.runner.start_speed import IMPORT_CPU, slowness, tensorflow_init

if TYPE_CHECKING:
    from collections.abc import Callable

_BURNS = """\
import time
while time.process_time() < 1.1:
    pass
"""
_SLEEPS = "import time; time.sleep(1.0)"


def test_cpu_time_of_a_start_counts_and_time_that_others_take_does_not(
    interpreter: Callable[[str], str],
) -> None:
    assert 1.1 / IMPORT_CPU <= slowness(interpreter(_BURNS)) < 4.0
    assert slowness(interpreter(_SLEEPS)) < 0.9 / IMPORT_CPU


def test_an_init_of_tensorflow_is_as_much_slower_as_a_start(
    interpreter: Callable[[str], str],
) -> None:
    assert tensorflow_init(interpreter(_BURNS)) >= 2 * TENSORFLOW_INIT


@pytest.mark.parametrize("script", ["raise SystemExit(1)", "import time; time.sleep(60)"])
def test_a_start_that_cannot_be_measured_counts_as_one_of_the_projects_machine(
    script: str, interpreter: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_speed, "_ENDS_WITHIN", 0.5)
    assert slowness(interpreter(script)) == 1.0


def test_what_is_imported_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_speed, "_RUNS", 1)
    assert slowness(sys.executable) not in (0.0, 1.0)
