"""Says why an engine can have no page caches of sandboxes' own, no snapshots, no stem cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.host.mount_namespace import obstacle
from emulator.live.backends.page_cache import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.backends.docker.host import Meeting


def check_private_pages(info: Mapping[str, Any], *, local: bool, beside: bool) -> None:
    """Raises SettingsError where the engine does not see what this process mounts.

    `local`: the engine is on this machine; `beside`: this process is in a container of it.
    """
    if not local:
        raise refusal("the Docker engine runs on another machine, or in a virtual one")
    if beside:
        raise refusal("this process is in a container, whose mounts the Docker engine does not see")
    if any("rootless" in option for option in info.get("SecurityOptions") or ()):
        raise refusal("the Docker engine is rootless, and sees no mounts of root's")


def snapshot_obstacle(met: Meeting, *, enters: bool, private: bool) -> str:
    """Returns half a sentence on why no snapshots can be kept; empty where nothing is known.

    `enters`: this process enters sandboxes' networks; `private`: each sandbox has a page cache of
    its own.
    """
    if not enters:
        return "only root on the engine's machine, with ip(8), can lay out their networks"
    if met.network != "bridge":
        return f"names on the network {met.network} are told to containers alone"
    return "a page cache of its own is a container's" if private else ""


def cell_obstacle(*, controls: bool, private: bool) -> str:
    """Returns half a sentence on why no stem cells are kept; empty where they can be.

    `controls`: this process enters sandboxes' networks and changes their cgroups.
    """
    if private:
        return "each sandbox has a page cache of its own (--page-cache private)"
    if not controls:
        return "only root on the engine's own machine can make a container a function's"
    return obstacle()
