"""Finds where a Docker engine's sandboxes and this process meet: which address, which cgroups.

The engine may run on this machine, in Docker Desktop's virtual machine, beside this process
where that is in a container, or on another host. Nothing here changes anything.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.host.cgroup_v1 import CgroupV1, v1_mounts
from emulator.host.cgroup_v2 import CgroupV2
from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.containers import inspect_container
from emulator.live.backends.limitations import Limitation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.backends.docker.client import DockerEngine

_DESKTOP_NAME = "host.docker.internal"
_SOMEWHERE = "192.0.2.1"
"""TEST-NET-1 of RFC 5737: stands for any other host; nothing is sent to it."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """Says where the Runtime API listens and what sandboxes dial, on which of the networks."""

    network: str
    listen: str
    dial: str
    extra_hosts: tuple[str, ...] = ()
    local: bool = False
    """Whether the engine's kernel is this process's own, so that its cgroups may be reachable."""
    sees_addresses: bool = False
    """Whether connections come from the sandboxes' own addresses, not from a translator's."""


async def meeting(engine: DockerEngine, info: Mapping[str, Any], network: str = "") -> Meeting:
    """Finds a meeting point; `network` is the sandboxes' (empty: ours in a container, or bridge).

    Raises:
        EngineError: the engine has no such network, or no Linux containers.
    """
    if info.get("OSType") == "windows":
        raise EngineError("it runs Windows containers, and sandboxes are Linux containers")
    if (own := await _own_networks(engine)) is not None:
        chosen = network or next(iter(own))
        if address := own.get(chosen):
            return Meeting(chosen, address, address, local=True, sees_addresses=True)
    network = network or "bridge"
    if is_desktop(info):
        # the engine's own name for the host, given to Linux containers by this alone
        hosts = (f"{_DESKTOP_NAME}:host-gateway",)
        return Meeting(network, "127.0.0.1", _DESKTOP_NAME, hosts)
    remote = engine.url.hostname if engine.url.scheme in ("http", "https") else None
    if remote and not bindable(await _resolved(remote)):
        ours = address_towards(remote)
        return Meeting(network, ours, ours)
    gateway = gateway_of(await engine.call(f"GET /networks/{network}"))
    # a rootless engine's bridge is in a namespace of its own; its containers reach our address
    direct = bindable(gateway)
    listen = gateway if direct else address_towards(_SOMEWHERE)
    return Meeting(network, listen, listen, local=True, sees_addresses=direct)


def is_desktop(info: Mapping[str, Any], platform: str = sys.platform) -> bool:
    """Returns whether the engine runs in a virtual machine of this host."""
    return "Docker Desktop" in info.get("OperatingSystem", "") or platform in ("darwin", "win32")


def gateway_of(network: Mapping[str, Any]) -> str:
    """Returns the host's IPv4 address on a bridge network that the engine describes so.

    Raises:
        EngineError: the network has no IPv4 subnet.
    """
    for pool in network["IPAM"]["Config"] or ():
        subnet = ipaddress.ip_network(pool["Subnet"], strict=False)
        if subnet.version == 4:  # noqa: PLR2004
            # a fresh engine tells no gateway of its default bridge; it takes the first address
            return str(pool.get("Gateway") or subnet[1]).split("/")[0]
    raise EngineError(f"its network {network['Name']} has no IPv4 subnet")


def bindable(address: str) -> bool:
    """Returns whether an address is of this machine (or of this container)."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def address_towards(host: str) -> str:
    """Returns the address of this machine that `host` sees."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:  # connecting it sends nothing
        probe.connect((host, 9))
        return str(probe.getsockname()[0])


async def _resolved(host: str) -> str:
    loop = asyncio.get_running_loop()
    return str((await loop.getaddrinfo(host, 0, family=socket.AF_INET))[0][4][0])


async def _own_networks(engine: DockerEngine) -> dict[str, str] | None:
    """Returns this process's addresses by network where it is in a container, else None."""
    if not (name := _own_container()):
        return None
    try:
        found = await inspect_container(engine, name)
    except EngineError:
        return None
    networks: dict[str, Any] = found["NetworkSettings"]["Networks"]
    addresses = {network: end["IPAddress"] for network, end in networks.items()}
    ours = {network: ip for network, ip in addresses.items() if ip and bindable(ip)}
    return ours or None


def _own_container() -> str:
    """Returns the id or host name of the container of this process; empty where it is in none."""
    found = container_id(Path("/proc/self/mountinfo"))
    return found or (socket.gethostname() if Path("/.dockerenv").exists() else "")


async def is_beside(engine: DockerEngine) -> bool:
    """Returns whether this process is in a container of the engine's."""
    return await _own_networks(engine) is not None


def container_id(mountinfo: Path) -> str:
    """Returns the id of this process's container, from the mounts that the engine makes."""
    try:
        found = re.search(
            r"/containers/([0-9a-f]{64})/hostname /etc/hostname ", mountinfo.read_text()
        )
    except OSError:
        return ""
    return found[1] if found else ""


class Cgroups:
    """Finds a container's cgroup by rule, where the engine's cgroups can be reached."""

    def __init__(self, root: Path, info: Mapping[str, Any]) -> None:
        self._root = root
        self._unified = not v1_mounts(root)
        self.pattern = cgroup_pattern(info.get("CgroupDriver", ""))

    @property
    def thaw_file(self) -> str:
        """The file that thaws a container when THAWED is written, {} for its id; empty on v2."""
        freezer = v1_mounts(self._root).get("freezer")
        return str(freezer / self.pattern / "freezer.state") if freezer else ""

    def find(self, container: str) -> CgroupV1 | CgroupV2 | None:
        path = self.pattern.format(container)
        if not self._unified:
            v1 = CgroupV1(self._root, path)
            return v1 if v1.controllers else None
        below = self._root / path
        return CgroupV2(below) if below.is_dir() else None

    def learn(self, container: str, pid: int) -> None:
        """Takes the rule of a rootless or nested engine from a running container's process."""
        try:
            lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        except OSError:
            return
        for line in lines:
            path = line.split(":", 2)[2]
            if container in path:
                self.pattern = path.strip("/").replace(container, "{}")

    def writable(self) -> bool:
        """Returns whether this process may change the cgroups that the engine makes."""
        if self._unified:
            return self._may_write(self._root)
        mounts = v1_mounts(self._root)
        return all(name in mounts and self._may_write(mounts[name]) for name in ("cpu", "freezer"))

    def _may_write(self, mount: Path) -> bool:
        parent = mount / self.pattern.rsplit("/", 1)[0]
        if not parent.exists() and not Path("/.dockerenv").exists():
            parent = mount  # the engine makes its parent with its first container
        return os.access(parent, os.W_OK)


def cgroup_pattern(driver: str) -> str:
    """Returns the path of a container's cgroup below a controller's mount, {} for its id.

    Source: runc's cgroupfs and systemd managers with dockerd's default parents.
    """
    return "system.slice/docker-{}.scope" if driver == "systemd" else "docker/{}"


def shortcomings(info: Mapping[str, Any], cgroups_writable: bool) -> dict[Limitation, str]:
    """Returns what Lambda enforces and the engine that describes itself by `info` cannot."""
    found = {
        Limitation.TMP_COUNTS_AS_MEMORY: (
            "A sandbox's /tmp takes its files' room from what its handler may use of RAM."
        )
    }
    if not info.get("MemoryLimit", True):
        found[Limitation.MEMORY_UNLIMITED] = "The engine's kernel limits no memory."
    elif not info.get("SwapLimit", True):
        found[Limitation.SWAP_UNLIMITED] = (
            "The engine's kernel limits no swap, so a sandbox may use it."
        )
    if not info.get("CpuCfsQuota", True):
        found[Limitation.CPU_UNLIMITED] = "The engine's kernel limits no CPU share."
    elif not cgroups_writable:
        found[Limitation.LATE_CONTROL] = (
            "The CPU share begins some tens of milliseconds after init, since this process cannot "
            "write its sandboxes' cgroups."
        )
    if not cgroups_writable:
        found[Limitation.UNFROZEN] = (
            "Sandboxes are not frozen between invocations, since this process cannot write their "
            "cgroups, and a thaw by the engine would add 10 to 70 ms to every duration."
        )
    if not info.get("PidsLimit", True):
        found[Limitation.PROCESSES_UNLIMITED] = "The engine's kernel limits no number of processes."
    return found
