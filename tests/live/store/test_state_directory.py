"""The state directory: whose emulator it is."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from emulator.errors import StateInUseError
from emulator.live.store.state_directory import StateDirectory

if TYPE_CHECKING:
    from pathlib import Path


def _instance(path: Path) -> str:
    with StateDirectory(path) as state:
        return state.instance


def test_instance_stays_after_a_restart_and_a_move(tmp_path: Path) -> None:
    first = _instance(tmp_path / "a")
    assert _instance(tmp_path / "a") == first
    (tmp_path / "a").rename(tmp_path / "b")
    assert _instance(tmp_path / "b") == first


def test_copied_folder_is_another_instance(tmp_path: Path) -> None:
    first = _instance(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    copy = _instance(tmp_path / "b")
    assert copy != first
    assert (_instance(tmp_path / "a"), _instance(tmp_path / "b")) == (first, copy)


def test_folder_belongs_to_one_emulator_at_a_time(tmp_path: Path) -> None:
    with (
        StateDirectory(tmp_path),
        pytest.raises(StateInUseError, match="Another emulator uses"),
        StateDirectory(tmp_path),
    ):
        pass
