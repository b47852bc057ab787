from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from emulator.live.backends.docker.oom import OomWitness

if TYPE_CHECKING:
    from pathlib import Path


class _Cgroup:
    """As much of a cgroup as the witness looks at."""

    def __init__(self, folder: Path) -> None:
        self.join_files = [folder]
        self.kills = 0

    def oom_kills(self) -> int:
        return self.kills

    def pids(self) -> list[int]:
        return []


def _witness(folder: Path) -> tuple[OomWitness, Any]:
    cgroup: Any = _Cgroup(folder)
    witness = OomWitness()
    witness.watch(cgroup)
    return witness, cgroup


def test_a_kill_that_the_kernel_counted_is_for_memory(tmp_path: Path) -> None:
    witness, cgroup = _witness(tmp_path)
    assert witness.verdict is None
    cgroup.kills = 1
    witness._process_ended(4)
    assert witness.verdict is True


def test_a_child_killed_in_an_earlier_invocation_proves_nothing(tmp_path: Path) -> None:
    witness, cgroup = _witness(tmp_path)
    cgroup.kills = 1
    witness.told()
    witness.invocation_ended()
    witness._process_ended(4)
    assert witness.verdict is False


def test_the_kernels_count_outweighs_the_engines_word(tmp_path: Path) -> None:
    witness, _ = _witness(tmp_path)
    witness.told()
    assert witness.verdict is True
    witness._process_ended(4)
    assert witness.verdict is False


@pytest.mark.parametrize(("late", "verdict"), [(8.0, True), (11.0, None)])
def test_kill_explains_an_end_that_is_told_some_seconds_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: float, verdict: bool | None
) -> None:
    """An engine that stood still for three seconds made a plain exit of it."""
    witness, cgroup = _witness(tmp_path)
    cgroup.kills = 1
    witness._process_ended(4)
    then = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: then + late)
    assert witness.verdict is verdict


def test_kill_that_ended_an_earlier_runtime_is_not_the_end_of_the_next(tmp_path: Path) -> None:
    witness, cgroup = _witness(tmp_path)
    cgroup.kills = 1
    witness._process_ended(4)
    witness.was_reset()
    assert witness.verdict is None


def test_each_kill_that_the_sandbox_outlives_is_counted_once(tmp_path: Path) -> None:
    witness, cgroup = _witness(tmp_path)
    told = []
    for cgroup.kills in (1, 1, 2):
        told.append(witness.process_ended())
    assert told == [True, False, True]
    assert OomWitness().process_ended() is None


def test_a_count_of_a_cgroup_that_is_gone_is_no_count(tmp_path: Path) -> None:
    witness, _ = _witness(tmp_path / "gone")
    witness._process_ended(4)
    assert witness.verdict is None
