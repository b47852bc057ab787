"""Disks of a sysfs that stands in a folder, over the numbers of the real file system's devices."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from emulator.host.read_ahead import Disk, Disks, changed_read_ahead, remarks, take_back

if TYPE_CHECKING:
    from pathlib import Path


class Machine:
    """Has made /sys and /proc under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "packages"
        self.folder.mkdir()
        device = self.folder.stat().st_dev
        self.number = f"{os.major(device)}:{os.minor(device)}"
        (root / "proc/self").mkdir(parents=True)
        self.mounts("")
        self.devices: dict[str, tuple[int, int]] = {}

    def mounts(self, text: str) -> None:
        (self.root / "proc/self/mountinfo").write_text(text)

    def disk(self, name: str, kb: int, number: str = "") -> Path:
        """Makes a disk, and gives it a device number."""
        device = self.root / "sys/devices/pci0/block" / name
        (device / "queue").mkdir(parents=True)
        (device / "queue/read_ahead_kb").write_text(f"{kb}\n")
        if number:
            self.number_of(device, number)
        return device

    def number_of(self, device: Path, number: str) -> None:
        link = self.root / "sys/dev/block" / number
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(device)

    def device_of(self, path: Path) -> int:
        if str(path) in self.devices:
            return os.makedev(*self.devices[str(path)])
        return path.stat().st_dev

    def found(self, *folders: Path) -> list[tuple[str, int]]:
        disks = Disks(self.root, self.device_of).under(folders or (self.folder,))
        return [(disk.name, disk.kb) for disk in disks]


@pytest.fixture
def here(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_folder_is_on_the_disk_of_its_file_system(here: Machine) -> None:
    here.disk("vda", 8192, here.number)
    assert here.found() == [("vda", 8192)]
    assert here.found(here.folder, here.root) == [("vda", 8192)], "named once"


def test_partition_reads_ahead_as_its_disk_does(here: Machine) -> None:
    partition = here.disk("sda", 256) / "sda1"
    partition.mkdir()
    (partition / "partition").write_text("1\n")
    here.number_of(partition, here.number)
    assert here.found() == [("sda", 256)]


def test_volume_of_a_device_mapper_counts_and_not_what_lies_below(here: Machine) -> None:
    below = here.disk("nvme0n1", 128)
    volume = here.disk("dm-0", 4096, here.number)
    (volume / "slaves").mkdir()
    (volume / "slaves/nvme0n1").symlink_to(below)
    assert here.found() == [("dm-0", 4096)]


def test_overlay_is_on_the_disks_of_its_layers(
    here: Machine,
) -> None:
    here.disk("vdb", 8192, "250:1")
    here.disk("vdc", 128, "250:2")
    here.devices = {"/upper": (250, 2), "/lower/1": (250, 1), "/lower/2": (0, 3)}
    overlay = "overlay rw,lowerdir=/lower/1:/lower/2:/gone,upperdir=/upper,workdir=/w"
    here.mounts(f"9 1 0:3 / /tmp rw - tmpfs t rw\n22 1 {here.number} / / rw - overlay {overlay}\n")
    assert here.found() == [("vdb", 8192), ("vdc", 128)]


def test_btrfs_has_a_read_ahead_of_its_own(here: Machine) -> None:
    system = here.root / "sys/fs/btrfs/5a/devices"
    system.mkdir(parents=True)
    (system / "vdc").symlink_to(here.disk("vdc", 128))
    (system.parent / "bdi").mkdir()
    (system.parent / "bdi/read_ahead_kb").write_text("4096\n")
    here.mounts(f"22 1 {here.number} /sub / rw - btrfs /dev/vdc rw,subvol=/sub\n")
    assert here.found() == [("btrfs on vdc", 4096)]


@pytest.mark.parametrize("kind", ["tmpfs tmpfs rw", "nfs4 server:/share rw"])
def test_folder_in_memory_or_on_a_network_has_no_disk(here: Machine, kind: str) -> None:
    here.mounts(f"22 1 {here.number} / / rw - {kind}\n")
    assert here.found() == []


def test_folder_of_another_machine_has_no_disk(here: Machine) -> None:
    here.disk("vda", 8192, here.number)
    assert here.found(here.root / "var/lib/docker") == []


def test_long_read_ahead_alone_is_remarked_upon(here: Machine) -> None:
    here.disk("vda", 512, here.number)
    assert remarks(Disks(here.root).under([here.folder])) == []
    here.disk("vdb", 516)
    (sentence,) = remarks(
        [Disk("vdb", here.root / "sys/devices/pci0/block/vdb/queue/read_ahead_kb")]
    )
    assert sentence.startswith("The disk vdb reads 516 KB ahead: ")
    assert "--read-ahead 128" in sentence


# changing it


@pytest.fixture
def disks(here: Machine) -> list[Disk]:
    here.disk("vda", 8192, here.number)
    extra = here.disk("vdb", 128)
    return [*Disks(here.root).under([here.folder]), Disk("vdb", extra / "queue/read_ahead_kb")]


def kbs(disks: list[Disk]) -> list[int]:
    return [disk.kb for disk in disks]


def test_read_ahead_is_changed_and_taken_back(disks: list[Disk], tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    with changed_read_ahead(disks, 130, memory):
        assert kbs(disks) == [128, 128], "whole pages, as the kernel has it"
        assert [change["name"] for change in json.loads(memory.read_text())] == ["vda"]
    assert kbs(disks) == [8192, 128]
    assert not memory.exists()


def test_nothing_is_changed_where_nothing_is_asked_for(disks: list[Disk], tmp_path: Path) -> None:
    with changed_read_ahead(disks, None, tmp_path / "memory.json"):
        assert kbs(disks) == [8192, 128]
        assert not (tmp_path / "memory.json").exists()


@pytest.mark.parametrize("kb", [None, 64])
def test_change_of_a_killed_process_is_taken_back_by_the_next(
    disks: list[Disk], tmp_path: Path, kb: int | None
) -> None:
    memory = tmp_path / "memory.json"
    killed = changed_read_ahead(disks, 256, memory)
    killed.__enter__()
    assert kbs(disks) == [256, 256]
    with changed_read_ahead(disks, kb, memory):
        assert kbs(disks) == ([8192, 128] if kb is None else [64, 64])
    assert kbs(disks) == [8192, 128]


def test_what_somebody_else_has_set_since_stays(disks: list[Disk], tmp_path: Path) -> None:
    with changed_read_ahead(disks, 256, tmp_path / "memory.json"):
        disks[0].set(1024)
    assert kbs(disks) == [1024, 128]


def test_change_of_an_earlier_boot_is_forgotten(disks: list[Disk], tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    killed = changed_read_ahead(disks, 256, memory)
    killed.__enter__()
    memory.write_text(memory.read_text().replace('"boot": "', '"boot": "other'))
    take_back(memory)
    assert kbs(disks) == [256, 256]
    assert not memory.exists()


@pytest.mark.parametrize("text", ["", "[{", '[{"name": 1}]', "{}"])
def test_damaged_memory_is_no_obstacle(disks: list[Disk], tmp_path: Path, text: str) -> None:
    memory = tmp_path / "memory.json"
    memory.write_text(text)
    with changed_read_ahead(disks, 256, memory):
        assert kbs(disks) == [256, 256]
    assert kbs(disks) == [8192, 128]


def test_disk_that_may_not_be_changed_is_an_error_and_the_others_are_taken_back(
    disks: list[Disk], tmp_path: Path
) -> None:
    class Refused(Disk):
        def set(self, kb: int) -> None:
            raise PermissionError(13, f"not {kb}")

    refused = Refused("vdb", disks[1].file)
    with (
        pytest.raises(PermissionError),
        changed_read_ahead([disks[0], refused], 64, tmp_path / "memory.json"),
    ):
        pytest.fail("it was refused")
    assert kbs(disks) == [8192, 128]


def test_disk_that_is_gone_does_not_hold_up_the_others(disks: list[Disk], tmp_path: Path) -> None:
    with changed_read_ahead(disks, 64, tmp_path / "memory.json"):
        disks[1].file.unlink()
    assert disks[0].kb == 8192
