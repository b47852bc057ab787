"""What a sandbox's container is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import PackageType
from emulator.live.backends.supervisor import around_the_shell, supervised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.backends.docker.host import Meeting
    from emulator.live.backends.docker.image_facts import ImageFacts
    from emulator.live.backends.interface import SandboxSpec

USER = "993:990"
"""The ids of AWS's sbx_user1051, under which every function runs."""
HOST_NAME = {"Hostname": "sandbox", "Domainname": "localdomain"}
"""So that `sandbox.localdomain` is a sandbox's own address, as on Lambda."""
_MIB = 1 << 20


def container_configuration(
    spec: SandboxSpec,
    image: ImageFacts,
    labels: Mapping[str, str],
    meeting: Meeting,
    *,
    joined: str | None = None,
    cpus: tuple[int, ...] = (),
) -> dict[str, Any]:
    """The body of the Engine API's ContainerCreate. What Lambda withholds is withheld here.

    `joined` names the container whose network it shares, `cpus` those that it may run on (none:
    all).
    """
    configuration = spec.configuration
    memory = configuration.memory_mb * _MIB
    body: dict[str, Any] = {
        "Image": spec.package,
        "User": USER,
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "Labels": dict(labels),
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": f"container:{joined}" if joined else meeting.network,
            "ExtraHosts": [] if joined else list(meeting.extra_hosts),
            "Memory": memory,
            "MemorySwap": memory,  # the sum of both, so no swap
            "PidsLimit": 1024,
            "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}],
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": True,
            "Tmpfs": {
                "/tmp": f"rw,exec,nosuid,nodev,size={spec.tmp_mb}m,mode=1777",  # noqa: S108
                "/dev/mqueue": "ro,size=4k",  # else everybody may write there
            },
            # the kernel spares the first process of a namespace the signals that it sends itself,
            # and nobody would reap its orphans
            "Init": True,
            "IpcMode": "none",  # Lambda has no /dev/shm either
            "LogConfig": {"Type": "none"},  # the output goes to our attachment and nowhere else
        },
    }
    if not joined:
        body |= HOST_NAME
    if spec.init_cpu is not None:
        share = spec.init_cpu
        body["HostConfig"] |= {"CpuPeriod": share.period_us, "CpuQuota": share.quota_us}
    if cpus:
        body["HostConfig"]["CpusetCpus"] = ",".join(map(str, cpus))
    if configuration.image_working_directory:
        body["WorkingDir"] = configuration.image_working_directory
    return body | _command(spec, image)


def is_supervised(spec: SandboxSpec, image: ImageFacts) -> bool:
    return image.shell and bool(image.words(spec.configuration))


def _command(spec: SandboxSpec, image: ImageFacts) -> dict[str, Any]:
    configuration = spec.configuration
    if is_supervised(spec, image):
        given = around_the_shell(spec.environment)
        words = supervised(
            [*given, *image.words(configuration)], own_processes=True, extension=given
        )
        return {"Entrypoint": words, "Cmd": [], "OpenStdin": True}
    command: dict[str, Any] = {}
    if configuration.image_entry_point:
        command["Entrypoint"] = list(configuration.image_entry_point)
    if configuration.package_type is PackageType.ZIP:
        command["Cmd"] = [configuration.handler]
    elif configuration.image_command:
        command["Cmd"] = list(configuration.image_command)
    return command
