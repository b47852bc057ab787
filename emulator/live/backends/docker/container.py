"""Makes the configuration of a sandbox's container; asks the engine nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import PackageType
from emulator.live.backends.docker.oci_runtime import runtime_member
from emulator.live.backends.docker.user_switch import CAPABILITIES, OWNER, loaders_own, user_switch
from emulator.live.backends.supervisor import around_the_shell, shells_own, supervised

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.live.backends.docker.host import Meeting
    from emulator.live.backends.docker.image_facts import ImageFacts
    from emulator.live.backends.sandbox_spec import SandboxSpec

HOST_NAME = {"Hostname": "sandbox", "Domainname": "localdomain"}
"""So that `sandbox.localdomain` is a sandbox's own address, as on Lambda."""
_MIB = 1 << 20
_NO_SWAP = 4096
"""Bytes of swap of a sandbox: one page. Where systemd manages cgroups, 0 would not be told to it,
and with the next change of the container or `systemctl daemon-reload` swap would be unlimited."""


def memory_limits(memory_mb: int) -> dict[str, int]:
    """Returns the Engine API's members that limit memory, and with it swap."""
    memory = memory_mb * _MIB
    return {"Memory": memory, "MemorySwap": memory + _NO_SWAP}


def container_configuration(
    spec: SandboxSpec,
    image: ImageFacts,
    labels: Mapping[str, str],
    meeting: Meeting,
    *,
    joined: str | None = None,
    cpus: tuple[int, ...] = (),
    mounts: Sequence[Mapping[str, Any]] = (),
    runtime: str = "",
) -> dict[str, Any]:
    """Returns the body of the Engine API's ContainerCreate, which withholds what Lambda withholds.

    `joined` names the container whose network the sandbox shares, `cpus` the CPUs that it may run
    on (none: all), `mounts` what stands in for folders of its image, `runtime` the OCI runtime
    (empty: the engine's default).
    """
    configuration = spec.configuration
    body: dict[str, Any] = {
        "Image": spec.package,
        "Labels": dict(labels),
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": f"container:{joined}" if joined else meeting.network,
            "ExtraHosts": [] if joined else list(meeting.extra_hosts),
            **memory_limits(configuration.memory_mb),
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
            **runtime_member(runtime),
        },
    }
    if not joined:
        body |= HOST_NAME
    if mounts:
        body["HostConfig"]["Mounts"] = list(mounts)
    if spec.init_cpu is not None:
        share = spec.init_cpu
        body["HostConfig"] |= {"CpuPeriod": share.period_us, "CpuQuota": share.quota_us}
    if cpus:
        body["HostConfig"]["CpusetCpus"] = ",".join(map(str, cpus))
    if configuration.image_working_directory:
        body["WorkingDir"] = configuration.image_working_directory
    if is_supervised(spec, image):
        return _supervised(body, spec, image)
    return body | {"User": OWNER, "Env": _pairs(spec.environment)} | _unsupervised(spec)


def is_supervised(spec: SandboxSpec, image: ImageFacts) -> bool:
    """Returns whether the sandbox's first process is a supervisor, and outlives the runtime."""
    return image.shell and bool(image.words(spec.configuration))


def _supervised(body: dict[str, Any], spec: SandboxSpec, image: ImageFacts) -> dict[str, Any]:
    environment = dict(spec.environment)
    passed_by = shells_own(environment)
    user = OWNER
    if image.switch:
        whole = dict(image.environment) | environment
        hidden = [name for name in loaders_own(whole) if name not in passed_by]
        # the engine sets root's home; on Lambda there is no HOME
        switch = user_switch(image.switch, hidden if "HOME" in whole else [*hidden, "HOME"])
        given = around_the_shell({name: whole[name] for name in (*passed_by, *hidden)}, hidden)
        passed_by += hidden
        user = "0:0"
        body["HostConfig"]["CapAdd"] = list(CAPABILITIES)
    else:
        switch, given = None, around_the_shell(environment)
    words = [*given, *image.words(spec.configuration)]
    return body | {
        "User": user,
        "Env": _pairs({n: v for n, v in environment.items() if n not in passed_by}),
        "Entrypoint": supervised(words, own_processes=True, extension=given, switch=switch),
        "Cmd": [],
        "OpenStdin": True,
    }


def _pairs(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]


def _unsupervised(spec: SandboxSpec) -> dict[str, Any]:
    configuration = spec.configuration
    command: dict[str, Any] = {}
    if configuration.image_entry_point:
        command["Entrypoint"] = list(configuration.image_entry_point)
    if configuration.package_type is PackageType.ZIP:
        command["Cmd"] = [configuration.handler]
    elif configuration.image_command:
        command["Cmd"] = list(configuration.image_command)
    return command
