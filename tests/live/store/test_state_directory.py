"""Whose the state directory is, and what is told where it cannot be written."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.errors import RunDirectoryError, SettingsError, StateInUseError
from emulator.live.store.state_directory import StateDirectory, describe_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def full_disk() -> Iterator[None]:
    """Lets no file grow, as a file system without room does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def instance(path: Path) -> str:
    with StateDirectory(path) as state:
        return state.instance


def test_id_is_the_same_after_a_restart(tmp_path: Path) -> None:
    assert instance(tmp_path / "state") == instance(tmp_path / "state")


def test_copy_has_an_id_of_its_own_and_the_original_keeps_its(tmp_path: Path) -> None:
    first = instance(tmp_path / "state")
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    copied = instance(tmp_path / "copy")
    assert copied != first
    assert instance(tmp_path / "copy") == copied
    assert instance(tmp_path / "state") == first


def test_directory_that_was_moved_keeps_its_id(tmp_path: Path) -> None:
    first = instance(tmp_path / "state")
    (tmp_path / "state").rename(tmp_path / "moved")
    assert instance(tmp_path / "moved") == first


def test_id_outlives_a_reboot_that_renumbers_the_devices(tmp_path: Path) -> None:
    first = instance(tmp_path)
    written = json.loads((tmp_path / "instance").read_text())
    written |= {"device": written["device"] + 1, "boot": "another"}
    (tmp_path / "instance").write_text(json.dumps(written))
    assert instance(tmp_path) == first


def test_id_of_an_older_version_is_kept_and_bound_to_the_directory(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "instance").write_text("0123456789ab\n")
    assert instance(state) == "0123456789ab"
    shutil.copytree(state, tmp_path / "copy")
    assert instance(tmp_path / "copy") != "0123456789ab"


@pytest.mark.parametrize("damaged", ["", '{"id": "0123', '{"id": "0123456789ab"}', "[]"])
def test_damaged_id_is_replaced(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "instance").write_text(damaged)
    found = instance(tmp_path)
    assert len(found) == 12
    assert instance(tmp_path) == found


def test_second_owner_is_refused_and_the_next_one_is_not(tmp_path: Path) -> None:
    with (
        StateDirectory(tmp_path),
        pytest.raises(StateInUseError, match="Another emulator uses the state directory"),
        StateDirectory(tmp_path),
    ):
        pass
    with StateDirectory(tmp_path):
        pass


def test_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SettingsError, match=r"state cannot be written: .*--state-dir"),
        StateDirectory(tmp_path / "file/state"),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_directory_of_somebody_else_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with (
            pytest.raises(SettingsError, match=r"cannot be written: Permission denied"),
            StateDirectory(tmp_path),
        ):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_full_disk_is_told_and_the_lock_given_back(tmp_path: Path) -> None:
    with (
        full_disk(),
        pytest.raises(SettingsError, match="Make room or name another with --state-dir"),
        StateDirectory(tmp_path),
    ):
        pass
    assert instance(tmp_path)


def test_run_that_cannot_be_described_is_told(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(RunDirectoryError, match=r"Make room or name .*--run-dir"):
        describe_run(tmp_path / "run", {"name": "any"})


def test_run_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with StateDirectory(tmp_path) as state:
        (tmp_path / "runs").write_text("")
        with pytest.raises(RunDirectoryError, match="cannot be written"):
            state.new_run()


def test_runs_have_folders_of_their_own(tmp_path: Path) -> None:
    with StateDirectory(tmp_path) as state:
        first, second = state.new_run(), state.new_run()
        describe_run(second, {"name": "x"})
    assert first != second
    assert json.loads((second / "run.json").read_text()) == {"name": "x"}
