from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.errors import SettingsError
from emulator.host.read_ahead import Disk, Disks
from emulator.live.store.read_ahead import read_ahead

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class OneDisk(Disks):
    """Knows one disk, under every folder."""

    def __init__(self, disk: Disk) -> None:
        super().__init__()
        self.disk = disk

    def under(self, folders: Iterable[Path]) -> list[Disk]:
        return [self.disk] if list(folders) else []


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    (tmp_path / "kb").write_text("8192\n")
    return Disk("vda", tmp_path / "kb")


def test_long_read_ahead_is_said_and_left(disk: Disk, tmp_path: Path) -> None:
    said: list[str] = []
    with read_ahead(tmp_path, [tmp_path], None, said.append, OneDisk(disk)):
        assert disk.kb == 8192
    (sentence,) = said
    assert sentence.startswith("Not as on Lambda: The disk vda reads 8192 KB ahead")


def test_read_ahead_that_was_asked_for_holds_until_the_end(disk: Disk, tmp_path: Path) -> None:
    said: list[str] = []
    with read_ahead(tmp_path, [tmp_path], 128, said.append, OneDisk(disk)):
        assert disk.kb == 128
    assert (disk.kb, said) == (8192, [])


def test_storage_without_a_disk_is_an_error_only_where_one_is_to_be_set(
    disk: Disk, tmp_path: Path
) -> None:
    with read_ahead(tmp_path, [], None, pytest.fail, OneDisk(disk)):
        pass
    with (
        pytest.raises(SettingsError, match=r"no disk to set: .* Leave it out"),
        read_ahead(tmp_path, [], 128, pytest.fail, OneDisk(disk)),
    ):
        pytest.fail("there is none")


def test_refusal_names_the_disk_its_file_and_who_may(tmp_path: Path) -> None:
    class Refused(Disk):
        def set(self, kb: int) -> None:
            raise PermissionError(13, f"Permission denied for {kb}")

    (tmp_path / "kb").write_text("8192\n")
    refused = OneDisk(Refused("vda", tmp_path / "kb"))
    with (
        pytest.raises(SettingsError, match=r"on vda: Permission denied.*Root may.*/kb yourself"),
        read_ahead(tmp_path, [tmp_path], 128, pytest.fail, refused),
    ):
        pytest.fail("it was refused")
