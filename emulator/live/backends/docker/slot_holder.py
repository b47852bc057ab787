"""Describes the container that holds a network slot, and enters the network that it holds."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.host.network_namespace import NetworkNamespace
from emulator.live.backends.docker.container import HOST_NAME
from emulator.live.backends.docker.oci_runtime import runtime_member
from emulator.live.backends.docker.user_switch import OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.backends.docker.host import Meeting


_HOLDER_MEMORY = 64 << 20
"""Bytes; a sleeping holder takes one MB, but the engine's own program that starts it takes up to
20 where the kernel counts its memory too."""
_FOREVER = "2147483647"
"""Seconds; some `sleep` does not know `infinity`."""


@dataclass(frozen=True, slots=True)
class SlotNetwork:
    """Holds the network of a slot, as far as this process may enter that."""

    namespace: NetworkNamespace
    address: str
    """The slot's IPv4 address."""


async def entered_network(container: Mapping[str, Any]) -> SlotNetwork:
    """Enters the network of a running container, as the engine describes that, and closes it.

    What the container can reach afterwards is the bridge's gateway, and what lies beyond.

    Raises:
        OSError: the machine refuses.
    """
    namespace = NetworkNamespace(container["State"]["Pid"])
    try:
        ends = container["NetworkSettings"]["Networks"].values()
        for end in ends:
            if end.get("IPAddress") and end.get("Gateway"):
                await namespace.bar_neighbours(end["IPAddress"], end["IPPrefixLen"], end["Gateway"])
                return SlotNetwork(namespace, end["IPAddress"])
    except BaseException:
        namespace.close()
        raise
    namespace.close()
    raise OSError(errno.ENETUNREACH, "the container has no IPv4 address")


def holder_configuration(
    image: str, labels: Mapping[str, str], meeting: Meeting, oci_runtime: str
) -> dict[str, Any]:
    """Returns the body of the Engine API's ContainerCreate for a holder, made of an image.

    An `oci_runtime` runs the holder in the place of the engine's default unless empty.
    """
    return {
        "Image": image,
        "Entrypoint": ["sleep"],
        "Cmd": [_FOREVER],
        "User": OWNER,
        **HOST_NAME,  # a sandbox that joins has it too, and the engine's /etc/hosts with it
        "Labels": dict(labels),
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": meeting.network,
            "ExtraHosts": list(meeting.extra_hosts),
            "Memory": _HOLDER_MEMORY,
            "MemorySwap": _HOLDER_MEMORY,
            "PidsLimit": 8,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": True,
            "IpcMode": "none",
            "LogConfig": {"Type": "none"},
            **runtime_member(oci_runtime),
        },
    }
