"""Has the tests' process, or one that they started, stand still for some seconds now and then.

A busy machine does that once in twenty runs, and a test that assumes an order or a speed fails
then; with `make stalled` soon. A plugin of pytest, which `-p tests.stalled` loads.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

SECONDS = float(os.environ.get("STALLED_SECONDS", "2.5"))
"""How long each standstill lasts."""
PAUSE = float(os.environ.get("STALLED_PAUSE", "1.5"))
"""Seconds from one standstill to the next, on average."""
OWN_SHARE = 0.4
"""Part of the standstills that are the tests' own process's."""
_chance = random.Random(int(os.environ.get("STALLED_SEED", "1")))
_testing = threading.Event()
_KEEPS_THE_LOCK = ctypes.PyDLL(None)
"""Functions of C that no other thread of Python runs beside."""


def descendants() -> list[int]:
    """Returns the processes that this one has started, and those that they have."""
    parents = dict(filter(None, map(_parent, Path("/proc").glob("[0-9]*"))))
    found, new = list[int](), {os.getpid()}
    while new := {process for process, parent in parents.items() if parent in new}:
        found += new
    return sorted(found)


def _parent(folder: Path) -> tuple[int, int] | None:
    with suppress(OSError):  # it has just ended
        state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        if state != "Z":
            return int(folder.name), int(parent)
    return None


def stand_still() -> None:
    processes = descendants()
    if not processes or _chance.random() < OWN_SHARE:
        _KEEPS_THE_LOCK.usleep(ctypes.c_uint(round(SECONDS * 1e6)))
        return
    stopped = _chance.choice(processes)
    with suppress(OSError):
        os.kill(stopped, signal.SIGSTOP)
        time.sleep(SECONDS)
        os.kill(stopped, signal.SIGCONT)


def _now_and_then() -> None:
    while True:
        time.sleep(_chance.uniform(0, 2 * PAUSE))
        if _testing.is_set():
            stand_still()


def pytest_configure() -> None:
    threading.Thread(target=_now_and_then, daemon=True).start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    _testing.set()
    try:
        return (yield)
    finally:
        _testing.clear()
