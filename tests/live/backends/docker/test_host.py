from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.host import (
    Cgroups,
    container_id,
    gateway_of,
    is_desktop,
    meeting,
    shortcomings,
)
from emulator.live.backends.limitations import Limitation
from tests.live.backends.docker.scripted_engine import engine_that

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("pools", "gateway"),
    [
        ([{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.9"}], "172.17.0.9"),
        ([{"Subnet": "172.17.0.0/16"}], "172.17.0.1"),
        (
            [{"Subnet": "fd00::/64"}, {"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1/24"}],
            "10.1.0.1",
        ),
    ],
)
def test_gateway_of_a_network(pools: list[dict[str, str]], gateway: str) -> None:
    assert gateway_of({"Name": "n", "IPAM": {"Config": pools}}) == gateway


def test_network_without_ipv4_is_refused() -> None:
    with pytest.raises(EngineError, match="no IPv4 subnet"):
        gateway_of({"Name": "n", "IPAM": {"Config": None}})


def test_docker_desktop_is_known_by_its_name_or_by_the_platform() -> None:
    assert is_desktop({"OperatingSystem": "Docker Desktop"}, "linux")
    assert is_desktop({"OperatingSystem": "Alpine Linux"}, "darwin")
    assert not is_desktop({"OperatingSystem": "Debian GNU/Linux 12"}, "linux")


def test_our_container_is_told_from_those_that_the_host_mounts(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    ident = "0123456789abcdef" * 4
    folder = f"/var/lib/docker/containers/{ident}"
    mounts.write_text(f"36 25 0:32 / {folder}/mounts/shm rw - tmpfs shm rw\n")
    assert container_id(mounts) == ""
    mounts.write_text(f"36 25 8:1 {folder}/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n")
    assert container_id(mounts) == ident
    assert container_id(tmp_path / "none") == ""


V1, V2 = {"CgroupDriver": "cgroupfs"}, {"CgroupDriver": "systemd"}


@pytest.mark.parametrize(
    ("info", "below"), [(V1, "docker/{}"), (V2, "system.slice/docker-{}.scope")]
)
@pytest.mark.parametrize("mount", ["", "freezer"])
def test_cgroup_of_a_container_is_found_by_rule(
    tmp_path: Path, info: dict[str, str], below: str, mount: str
) -> None:
    path = tmp_path / mount / below.format("c1")
    path.mkdir(parents=True)
    (tmp_path / mount / "cgroup.procs").touch()
    (path / "cgroup.procs").touch()
    (path / "cgroup.controllers").write_text("cpu memory pids\n")
    cgroups = Cgroups(tmp_path, info)
    found = cgroups.find("c1")
    assert found is not None
    assert path in {file.parent for file in found.join_files}
    assert cgroups.find("c2") is None


def test_cgroup_elsewhere_is_learnt_from_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cgroups = Cgroups(tmp_path, V2)
    lines = "0::/user.slice/app.slice/docker-c1.scope\n"
    monkeypatch.setattr("pathlib.Path.read_text", lambda _: lines)
    cgroups.learn("c1", 4)
    assert cgroups.pattern == "user.slice/app.slice/docker-{}.scope"
    cgroups.learn("c9", 4)
    assert cgroups.pattern == "user.slice/app.slice/docker-{}.scope"


def test_cgroups_that_are_not_there_cannot_be_written(tmp_path: Path) -> None:
    assert not Cgroups(tmp_path / "none", V1).writable()


def test_what_the_engine_cannot_enforce_is_told() -> None:
    everything = {"MemoryLimit": True, "SwapLimit": True, "CpuCfsQuota": True, "PidsLimit": True}
    always = {Limitation.TMP_COUNTS_AS_MEMORY}
    assert set(shortcomings(everything, cgroups_writable=True)) == always
    found = shortcomings(everything | {"SwapLimit": False}, cgroups_writable=False)
    assert found.keys() == always | {
        Limitation.SWAP_UNLIMITED,
        Limitation.LATE_CONTROL,
        Limitation.UNFROZEN,
    }
    none = dict.fromkeys(everything, False)
    assert set(shortcomings(none, cgroups_writable=True)) == always | {
        Limitation.MEMORY_UNLIMITED,
        Limitation.CPU_UNLIMITED,
        Limitation.PROCESSES_UNLIMITED,
    }


@pytest.mark.anyio
async def test_windows_containers_are_refused(tmp_path: Path) -> None:
    async with engine_that(tmp_path, {}) as engine:
        with pytest.raises(EngineError, match="Windows containers"):
            await meeting(engine, {"OSType": "windows"})
