from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from emulator.core.function_configuration import FunctionConfiguration, PackageType
from emulator.live.backends.docker.container import container_configuration
from emulator.live.backends.docker.image_facts import ImageFacts
from emulator.live.backends.docker.user_switch import PREFIXES
from emulator.live.backends.sandbox_spec import CpuShare, SandboxSpec
from tests.live.backends.docker.scripted_engine import BRIDGE


def _spec(**more: Any) -> SandboxSpec:
    configuration = FunctionConfiguration("f", "python3.13", "app.handler", memory_mb=512)
    if more:
        configuration = FunctionConfiguration("f", package_type=PackageType.IMAGE, **more)
    cpu = CpuShare(1447, 20_000)
    return SandboxSpec(7, "sha256:1", configuration, {"A": "b"}, cpu, tmp_mb=64)


SHELL = ImageFacts(("/entry",), ("own",), shell=True)


NO_SHELL = ImageFacts(("/entry",), ("own",))


def test_a_sandbox_may_do_no_more_than_on_lambda() -> None:
    body = container_configuration(_spec(), SHELL, {"l": "v"}, BRIDGE, joined="slot")
    host = body["HostConfig"]
    assert (body["Image"], body["User"], body["Env"]) == ("sha256:1", "993:990", ["A=b"])
    assert host["Memory"] == 512 << 20
    assert host["MemorySwap"] == host["Memory"] + 4096, "0 would not be told to systemd"
    assert "CapAdd" not in host
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["ReadonlyRootfs"] is True
    assert host["PidsLimit"] == 1024
    assert "size=64m" in host["Tmpfs"]["/tmp"]
    assert "Binds" not in host
    assert not any(name.startswith("Cpu") for name in host), "init runs without a quota"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, ["/entry", "app.handler"]),
        ({"image_uri": "i"}, ["/entry", "own"]),
        ({"image_uri": "i", "image_command": ("a.b",)}, ["/entry", "a.b"]),
        ({"image_uri": "i", "image_entry_point": ("/e", "x")}, ["/e", "x"]),
        (
            {"image_uri": "i", "image_entry_point": ("/e",), "image_command": ("a.b",)},
            ["/e", "a.b"],
        ),
    ],
)
def test_supervisor_starts_what_the_image_or_the_function_says(
    more: dict[str, Any], words: list[str]
) -> None:
    body = container_configuration(_spec(**more), SHELL, {}, BRIDGE)
    assert body["Entrypoint"][:2] == ["/bin/sh", "-c"]
    assert body["Entrypoint"][4:] == words
    assert (body["Cmd"], body["OpenStdin"]) == ([], True)


SETPRIV = PREFIXES[0]


def _made(variables: dict[str, str], **image: Any) -> dict[str, Any]:
    facts = replace(SHELL, switch=SETPRIV, **image)
    return container_configuration(
        replace(_spec(), environment=variables), facts, {}, BRIDGE, joined="slot"
    )


def test_supervisor_is_another_user_than_the_function_where_the_image_can_switch() -> None:
    body = _made({"A": "b"})
    assert body["User"] == "0:0"
    assert set(body["HostConfig"]["CapAdd"]) == {"CHOWN", "KILL", "SETGID", "SETUID", "SYS_CHROOT"}
    assert f'exec {" ".join(SETPRIV)} "$@"' in body["Entrypoint"][2]
    assert body["Env"] == ["A=b"]


def test_home_of_root_is_not_the_functions_but_one_that_is_set_stays() -> None:
    image = (("HOME", "/var/task"),)
    for body, is_root in (
        (_made({}), True),
        (_made({"HOME": "/tmp/home"}), False),  # a sandbox's
        (_made({}, environment=image), False),
    ):
        assert ("unset HOME\n" in body["Entrypoint"][2]) == is_root


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("LD_PRELOAD", "/var/task/a.so", True),
        ("LD_LIBRARY_PATH", "/var/lang/lib:/opt/lib", False),
        ("LD_LIBRARY_PATH", "/opt/lib:/tmp/lib", True),
        ("LD_LIBRARY_PATH", "/opt/lib:", True),
        ("LD_LIBRARY_PATH", "/opt/../tmp", True),
        ("GLIBC_TUNABLES", "glibc.malloc.check=1", True),
    ],
)
@pytest.mark.parametrize("of_the_image", [True, False])
def test_no_program_of_root_loads_what_a_function_wrote(
    name: str, value: str, hidden: bool, of_the_image: bool
) -> None:
    pair = (name, value)
    body = _made({}, environment=(pair,)) if of_the_image else _made(dict([pair]))
    assert (f"unset {name}" in body["Entrypoint"][2]) == hidden
    assert (body["Entrypoint"][4:6] == ["/usr/bin/env", f"{name}={value}"]) == hidden
    assert (f"{name}={value}" in body["Env"]) == (not hidden and not of_the_image)


def test_image_without_a_shell_runs_as_it_is_unless_its_command_is_given() -> None:
    def made(**more: Any) -> dict[str, Any]:
        return container_configuration(_spec(**more), NO_SHELL, {}, BRIDGE)

    assert made()["Cmd"] == ["app.handler"]
    assert not {"Cmd", "Entrypoint", "WorkingDir", "OpenStdin"} & made(image_uri="i").keys()
    assert made(image_uri="i", image_command=("a.b",))["Cmd"] == ["a.b"]
    assert made(image_uri="i", image_working_directory="/w")["WorkingDir"] == "/w"


def test_sandbox_has_its_name_itself_or_from_the_slot_that_it_joins() -> None:
    alone = container_configuration(_spec(), SHELL, {}, BRIDGE)
    joined = container_configuration(_spec(), SHELL, {}, BRIDGE, joined="slot")
    assert (alone["Hostname"], alone["Domainname"]) == ("sandbox", "localdomain")
    assert "Hostname" not in joined, "the engine refuses it"
    assert alone["HostConfig"]["NetworkMode"] == "bridge"
    assert joined["HostConfig"]["NetworkMode"] == "container:slot"


def test_init_share_and_cpus_are_set_where_they_are_given() -> None:
    spec = replace(_spec(), init_cpu=CpuShare(5000, 20_000))
    host = container_configuration(spec, SHELL, {}, BRIDGE, cpus=(1, 3))["HostConfig"]
    assert (host["CpuQuota"], host["CpuPeriod"], host["CpusetCpus"]) == (5000, 20_000, "1,3")
