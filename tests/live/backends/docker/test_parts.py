"""What the Docker backend decides without an engine, and how it speaks with one."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tarfile
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.function_configuration import FunctionConfiguration, PackageType
from emulator.errors import BackendUnavailableError, BuildError
from emulator.host.cpus import CpuRotation
from emulator.live.backends.docker.backend import DockerBackend
from emulator.live.backends.docker.build import (
    image_tag,
    images_named,
    runtime_image,
    split_tag,
    write_context,
    zip_dockerfile,
)
from emulator.live.backends.docker.client import DockerEngine, EngineError
from emulator.live.backends.docker.container import container_configuration
from emulator.live.backends.docker.host import (
    Cgroups,
    Meeting,
    container_id,
    gateway_of,
    is_desktop,
    meeting,
    shortcomings,
)
from emulator.live.backends.docker.image_facts import ImageFacts
from emulator.live.backends.docker.images import DockerImages
from emulator.live.backends.docker.network_slots import NetworkSlots
from emulator.live.backends.docker.oom import OomWitness
from emulator.live.backends.docker.streams import Demultiplexer, JsonLines
from emulator.live.backends.docker.user_switch import PREFIXES
from emulator.live.backends.interface import CpuShare, Limitation, SandboxSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from emulator.live.backends.interface import Progress

AWS = "public.ecr.aws/lambda"


def quiet(_: str) -> None:
    pass


# names


@pytest.mark.parametrize(
    ("runtime", "image"),
    [
        ("python3.13", "python:3.13"),
        ("nodejs22.x", "nodejs:22"),
        ("java21", "java:21"),
        ("java8.al2", "java:8.al2"),
        ("dotnet8", "dotnet:8"),
        ("ruby3.3", "ruby:3.3"),
        ("provided.al2023", "provided:al2023"),
        ("provided", "provided:alami"),
    ],
)
def test_a_runtime_has_its_base_image_by_rule(runtime: str, image: str) -> None:
    assert runtime_image(runtime) == f"{AWS}/{image}"


def test_what_is_no_runtime_is_refused() -> None:
    with pytest.raises(BuildError, match="is not the identifier of a Lambda runtime"):
        runtime_image("3.13")


@pytest.mark.parametrize(
    ("name", "readable"),
    [("echo", "echo"), ("My_Fn-1", "my-fn-1"), ("-_", "function"), ("a__b", "a-b")],
)
def test_any_function_name_makes_a_valid_tag(name: str, readable: str) -> None:
    assert image_tag(name, "0123") == f"serverless-testbed/{readable}:0123"


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("python", ("python", "latest")),
        ("localhost:5000/a/b", ("localhost:5000/a/b", "latest")),
        ("localhost:5000/a/b:1", ("localhost:5000/a/b", "1")),
        ("a/b@sha256:12", ("a/b", "sha256:12")),
    ],
)
def test_a_reference_is_repository_and_tag(image: str, parts: tuple[str, str]) -> None:
    assert split_tag(image) == parts


def test_images_that_a_dockerfile_starts_from() -> None:
    dockerfile = """
    ARG TAG=3.13
    ARG BASE
    FROM --platform=linux/amd64 python:${TAG}-slim AS build
    RUN true
    FROM ${BASE:-public.ecr.aws/lambda/python:$TAG}
    COPY --from=build /a /b
    FROM build
    from scratch
    """
    assert images_named(dockerfile) == ["python:3.13-slim", "public.ecr.aws/lambda/python:3.13"]


# a zip function's build


def _content(folder: Path, **files: str) -> dict[str, Path]:
    found = {}
    for name, text in files.items():
        path = folder / name
        path.write_text(text)
        found[f"task/{name.replace('_', '.')}"] = path
    return found


def _steps(dockerfile: str) -> list[str]:
    return [" ".join(line.split()[:3]) for line in dockerfile.splitlines() if line[:3] != "ARG"]


def test_code_is_copied_after_its_requirements_so_that_an_edit_installs_nothing(
    tmp_path: Path,
) -> None:
    content = _content(tmp_path, app_py="", requirements_txt="numpy\n")
    assert _steps(zip_dockerfile("f", "base", "python3.13", content)) == [
        "FROM base",
        "COPY task/requirements.txt /var/task/",
        'RUN ["python3", "-m",',
        "COPY task/ /var/task/",
        'RUN ["python3", "-c",',
    ]


@pytest.mark.parametrize(
    "line", ["-r more.txt", "./local", "/opt/x.whl", "six @ file:///x", "--find-links w"]
)
def test_code_is_copied_first_where_requirements_name_files_of_it(
    tmp_path: Path, line: str
) -> None:
    content = _content(tmp_path, requirements_txt=f"# comment\n{line}\n")
    assert _steps(zip_dockerfile("f", "base", "python3.13", content))[1] == "COPY task/ /var/task/"


def test_layers_are_copied_to_opt_and_a_java_function_is_only_copied(tmp_path: Path) -> None:
    content = _content(tmp_path, requirements_txt="numpy") | {"opt/lib/a.jar": tmp_path}
    assert zip_dockerfile("f", "base", "java21", content) == (
        "FROM base\nCOPY opt/ /opt/\nCOPY task/ /var/task/\n"
    )


def test_custom_runtime_is_where_its_image_looks_for_it(tmp_path: Path) -> None:
    content = _content(tmp_path, bootstrap="#!/bin/sh\n")
    last = zip_dockerfile("f", "base", "provided.al2023", content).splitlines()[-1]
    assert last == "COPY task/bootstrap /var/runtime/bootstrap"
    with pytest.raises(BuildError, match="f: a custom runtime's code needs an executable"):
        zip_dockerfile("f", "base", "provided.al2023", {})


def test_build_context_holds_every_file_readable_by_the_sandbox_user(tmp_path: Path) -> None:
    content = _content(tmp_path, app_py="x = 1\n", run_sh="#!/bin/sh\n")
    content["task/app.py"].chmod(0o600)
    content["task/run.sh"].chmod(0o700)
    written = io.BytesIO()
    write_context(written, "FROM base\n", content)
    with tarfile.open(fileobj=written) as archive:
        entries = {m.name: (oct(m.mode & 0o777), m.uid) for m in archive.getmembers()}
        source = archive.extractfile("task/app.py")
        assert source is not None
        assert source.read() == b"x = 1\n"
    assert entries["task/app.py"] == ("0o644", 0)
    assert entries["task/run.sh"] == ("0o755", 0)
    assert entries.keys() >= {"task", "opt", "Dockerfile"}


# a container's configuration


def _spec(**more: Any) -> SandboxSpec:
    configuration = FunctionConfiguration("f", "python3.13", "app.handler", memory_mb=512)
    if more:
        configuration = FunctionConfiguration("f", package_type=PackageType.IMAGE, **more)
    cpu = CpuShare(1447, 20_000)
    return SandboxSpec(7, "sha256:1", configuration, {"A": "b"}, cpu, tmp_mb=64)


BRIDGE = Meeting("bridge", "172.17.0.1", "172.17.0.1")
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


def test_cpus_are_handed_out_in_turn_and_only_where_there_are_more() -> None:
    cpus = CpuRotation(range(4))
    assert [cpus.take(3), cpus.take(3), cpus.take(2)] == [(0, 1, 2), (0, 1, 3), (2, 3)]
    assert [cpus.take(0), cpus.take(4), cpus.take(5)] == [(), (), ()]


# where the engine is


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


# what the engine sends


def _frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


@pytest.mark.parametrize("size", [1, 3, 8, 9, 1000])
def test_output_is_lossless_however_its_frames_are_cut(size: int) -> None:
    sent = _frame(1, b"out\n") + _frame(2, b"") + _frame(2, b"err") + _frame(1, bytes(300))
    frames = Demultiplexer()
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    got = b"".join(frames.lines(*part) for piece in pieces for part in frames.feed(piece))
    assert got + frames.rest() == b"out\nerr" + bytes(300)
    assert frames.rest() == b""


def test_a_line_of_one_stream_does_not_end_within_another() -> None:
    frames = Demultiplexer()
    sent = _frame(1, b"one\ntw") + _frame(2, b"error\n") + _frame(1, b"o\n")
    assert b"".join(frames.lines(*part) for part in frames.feed(sent)) == b"one\nerror\ntwo\n"


def test_a_line_without_end_is_not_held_back_for_ever() -> None:
    frames = Demultiplexer()
    assert any(frames.lines(1, bytes(4096)) for _ in range(40))


def test_json_lines_end_anywhere() -> None:
    lines = JsonLines()
    assert list(lines.feed(b'{"a":1}\r\n{"b"')) == [{"a": 1}]
    assert list(lines.feed(b":2}\n\n")) == [{"b": 2}]


class _Cgroup:
    """As much of a cgroup as the witness looks at."""

    def __init__(self, folder: Path) -> None:
        self.join_files = [folder]
        self.kills = 0

    def oom_kills(self) -> int:
        return self.kills

    def pids(self) -> list[int]:
        return []


def _witness(folder: Path) -> tuple[OomWitness, Any]:
    cgroup: Any = _Cgroup(folder)
    witness = OomWitness()
    witness.watch(cgroup)
    return witness, cgroup


def test_a_kill_that_the_kernel_counted_is_for_memory(tmp_path: Path) -> None:
    witness, cgroup = _witness(tmp_path)
    assert witness.verdict is None
    cgroup.kills = 1
    witness._process_ended(4)
    assert witness.verdict is True


def test_a_child_killed_in_an_earlier_invocation_proves_nothing(tmp_path: Path) -> None:
    witness, cgroup = _witness(tmp_path)
    cgroup.kills = 1
    witness.told()
    witness.invocation_ended()
    witness._process_ended(4)
    assert witness.verdict is False


def test_the_kernels_count_outweighs_the_engines_word(tmp_path: Path) -> None:
    witness, _ = _witness(tmp_path)
    witness.told()
    assert witness.verdict is True
    witness._process_ended(4)
    assert witness.verdict is False


@pytest.mark.parametrize(("late", "verdict"), [(8.0, True), (11.0, None)])
def test_kill_explains_an_end_that_is_told_some_seconds_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: float, verdict: bool | None
) -> None:
    """An engine that stood still for three seconds made a plain exit of it."""
    witness, cgroup = _witness(tmp_path)
    cgroup.kills = 1
    witness._process_ended(4)
    then = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: then + late)
    assert witness.verdict is verdict


def test_kill_that_ended_an_earlier_runtime_is_not_the_end_of_the_next(tmp_path: Path) -> None:
    witness, cgroup = _witness(tmp_path)
    cgroup.kills = 1
    witness._process_ended(4)
    witness.invocation_ended()
    assert witness.verdict is None


def test_each_kill_that_the_sandbox_outlives_is_counted_once(tmp_path: Path) -> None:
    witness, cgroup = _witness(tmp_path)
    told = []
    for cgroup.kills in (1, 1, 2):
        told.append(witness.process_ended())
    assert told == [True, False, True]
    assert OomWitness().process_ended() is None


def test_a_count_of_a_cgroup_that_is_gone_is_no_count(tmp_path: Path) -> None:
    witness, _ = _witness(tmp_path / "gone")
    witness._process_ended(4)
    assert witness.verdict is None


# an engine that is none


@asynccontextmanager
async def engine_that(
    folder: Path, answers: dict[str, Callable[[asyncio.StreamWriter], None]]
) -> AsyncIterator[DockerEngine]:
    """An engine's socket with a canned answer for each path that is asked for."""

    served = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ")[1].decode().split("?")[0]
                name = next(name for name in answers if path.endswith(name))
                answers[name](writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    answers = {"/version": _json({"ApiVersion": "1.41"})} | answers
    server = await asyncio.start_unix_server(serve, folder / "engine")
    engine = DockerEngine({"DOCKER_HOST": f"unix://{folder}/engine"})
    try:
        await engine.connect()
        yield engine
    finally:
        await engine.close(1)
        server.close()
        await asyncio.gather(*served)


def _json(body: object, status: str = "200 OK") -> Callable[[asyncio.StreamWriter], None]:
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
    return lambda writer: writer.write(head.encode() + b"\r\n\r\n" + text)


def _chunks(*pieces: bytes, last: bool = True) -> Callable[[asyncio.StreamWriter], None]:
    def write(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if last:
            writer.write(b"0\r\n\r\n")

    return write


@pytest.mark.anyio
async def test_no_engine_is_one_sentence(tmp_path: Path) -> None:
    backend = DockerBackend("none", environ={"DOCKER_HOST": f"unix://{tmp_path}/none"})
    with pytest.raises(BackendUnavailableError) as raised:
        await backend.check((), quiet)
    await backend.close()
    assert str(raised.value) == f"No Docker engine answers at unix://{tmp_path}/none."


@pytest.mark.anyio
async def test_engine_behind_ssh_is_refused() -> None:
    backend = DockerBackend("none", environ={"DOCKER_HOST": "ssh://somewhere"})
    with pytest.raises(BackendUnavailableError, match="only unix:// and tcp:// can"):
        await backend.open()
    await backend.close()


@pytest.mark.anyio
async def test_windows_containers_are_refused(tmp_path: Path) -> None:
    async with engine_that(tmp_path, {}) as engine:
        with pytest.raises(EngineError, match="Windows containers"):
            await meeting(engine, {"OSType": "windows"})


@pytest.mark.anyio
async def test_refusal_of_the_engine_is_its_own_sentence(tmp_path: Path) -> None:
    refusal = _json({"message": "no such thing"}, "404 Not Found")
    async with engine_that(tmp_path, {"/events": refusal}) as engine:
        with pytest.raises(EngineError, match="no such thing") as raised:
            await engine.exchange("GET /events", {}, lambda _: None)
    assert raised.value.missing


@pytest.mark.anyio
async def test_engine_that_hangs_up_is_an_error(tmp_path: Path) -> None:
    async with engine_that(tmp_path, {"/events": asyncio.StreamWriter.close}) as engine:
        with pytest.raises(EngineError, match="hung up"):
            await engine.exchange("GET /events", {}, lambda _: None)


def _pulling(answer: Callable[[asyncio.StreamWriter], None]) -> dict[str, Any]:
    absent = _json({"message": "No such image"}, "404 Not Found")
    return {"/json": absent, "/images/create": answer}


@pytest.mark.anyio
@pytest.mark.parametrize("begun", [b"", b'{"status":"Pulling"}\n'])
async def test_pull_without_progress_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("emulator.live.backends.docker.images._LAYER_TIMEOUT", 0.05)
    answer = _chunks(begun, last=False) if begun else lambda _: None
    async with engine_that(tmp_path, _pulling(answer)) as engine:
        images = DockerImages(engine, pull_patience=0.05)
        with pytest.raises(EngineError, match="no progress"):
            await images.ensure("a/b:1", quiet)


@pytest.mark.anyio
async def test_error_of_a_pull_is_told(tmp_path: Path) -> None:
    answer = _chunks(b'{"status":"x"}\n{"error":"man', b'ifest unknown"}\n')
    async with engine_that(tmp_path, _pulling(answer)) as engine:
        with pytest.raises(EngineError, match="manifest unknown"):
            await DockerImages(engine).ensure("a/b:1", quiet)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([b'{"stream":"Step 1"}\n{"stream":"/1\\n"}\n', b'{"error":"boom"}\n'], "boom\nStep 1/1"),
        ([b'{"stream":"Step 1/1\\n"}\n'], "the engine hung up\nStep 1/1"),
    ],
)
async def test_failed_build_ends_with_its_last_lines(
    tmp_path: Path, pieces: list[bytes], message: str
) -> None:
    seen: list[str] = []
    progress: Progress = seen.append
    async with engine_that(tmp_path, {"/build": _chunks(*pieces)}) as engine:
        with pytest.raises(BuildError) as raised, (tmp_path / "context").open("w+b") as context:
            await DockerImages(engine)._build("f", context, {}, progress)
    assert str(raised.value) == f"f: the image could not be built: {message}"
    assert seen == ["Step 1/1"]


# network slots


def _in_turn(*answers: Callable[[asyncio.StreamWriter], None]) -> Any:
    """Gives each answer once, and the last one for ever."""
    left = list(answers)

    def answer(writer: asyncio.StreamWriter) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(writer)

    return answer


def _engine_whose_starts(*starts: Callable[[asyncio.StreamWriter], None]) -> dict[str, Any]:
    done = _json(None, "200 OK")
    return {"/create": _json({"Id": "c"}), "/start": _in_turn(*starts), "": done}


KILLED_AT_START = _json({"message": "OCI runtime create failed: process was killed"}, "500 Oops")
NO_SLEEP = _json({"message": 'exec: "sleep": executable file not found'}, "400 Bad Request")
STARTED = _json(None)


@pytest.mark.anyio
async def test_slot_whose_start_failed_is_tried_again(tmp_path: Path) -> None:
    answers = _engine_whose_starts(KILLED_AT_START, KILLED_AT_START, STARTED)
    async with engine_that(tmp_path, answers) as engine:
        slots = NetworkSlots(engine, "p", {}, 1, 1)
        slots.open(BRIDGE)
        slots.use_image("i")
        await slots.filled()
        assert slots.ready == 1


@pytest.mark.anyio
async def test_no_slot_is_made_beside_a_deployment_nor_more_than_the_cpus_allow(
    tmp_path: Path,
) -> None:
    """On one slow CPU the 32 slots took the deployments' time, and then the requests'."""
    async with engine_that(tmp_path, _engine_whose_starts(STARTED)) as engine:
        slots = NetworkSlots(engine, "p", {}, 32, 128)
        slots.open(BRIDGE, cpus=1)
        with slots.pace.deployment():
            slots.use_image("i")
            await asyncio.sleep(0.3)  # time enough for all of them
            assert slots.ready == 0
        await slots.filled()
        assert slots.ready == 16


@pytest.mark.anyio
async def test_slots_that_cannot_be_made_are_told_in_a_warning_and_tried_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.live.backends.docker.network_slots._PAUSE", 0.0)
    answers = _engine_whose_starts(*[KILLED_AT_START] * 3, STARTED)
    async with engine_that(tmp_path, answers) as engine:
        slots = NetworkSlots(engine, "p", {}, 1, 1)
        slots.open(BRIDGE)
        slots.use_image("i")
        await slots.filled()
        assert slots.ready == 1
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said.startswith("No network slot can be made")
    assert said.endswith("process was killed")


@pytest.mark.anyio
async def test_slots_are_made_of_another_image_where_the_first_has_no_sleep(tmp_path: Path) -> None:
    async with engine_that(tmp_path, _engine_whose_starts(NO_SLEEP, STARTED)) as engine:
        slots = NetworkSlots(engine, "p", {}, 1, 1)
        slots.use_image("without")
        slots.use_image("with")
        slots.open(BRIDGE)
        await slots.filled()
        assert slots.ready == 1


@pytest.mark.anyio
async def test_holder_whose_end_is_told_before_its_start_never_stands(tmp_path: Path) -> None:
    """Its later starts all failed: it was believed to stand, and was given out for ever."""
    slots: NetworkSlots

    def dies(writer: asyncio.StreamWriter) -> None:
        slots.lost("p-slot-1")
        STARTED(writer)

    async with engine_that(tmp_path, _engine_whose_starts(dies, STARTED)) as engine:
        slots = NetworkSlots(engine, "p", {}, 1, 1)
        slots.open(BRIDGE)
        slots.use_image("i")
        await slots.filled()
        assert slots.take() == "p-slot-2"


def _container(**end: object) -> Callable[[asyncio.StreamWriter], None]:
    found = {"State": {"Pid": os.getpid()}, "NetworkSettings": {"Networks": {"bridge": end}}}
    return _json(found)


@pytest.mark.anyio
async def test_slot_whose_network_cannot_be_entered_is_used_as_it_is_and_that_is_told_once(
    tmp_path: Path,
) -> None:
    """A container of an IPv6 network, for one, or a machine whose ip(8) is busybox's."""
    answers = {"/json": _container(IPAddress="", Gateway="")} | _engine_whose_starts(STARTED)
    told: list[str] = []
    async with engine_that(tmp_path, answers) as engine:
        slots = NetworkSlots(engine, "p", {}, 3, 3)
        slots.open(BRIDGE, cannot_enter=lambda: told.append("once"))
        slots.use_image("i")
        await slots.filled()
        assert slots.ready == 3
        assert slots.take_entered() is None
    assert told == ["once"]


@pytest.mark.anyio
async def test_no_slot_is_given_out_while_the_engine_is_away_and_those_that_ended_are_replaced(
    tmp_path: Path,
) -> None:
    """Each start joined a network that was gone, and failed."""
    async with engine_that(tmp_path, _engine_whose_starts(STARTED)) as engine:
        slots = NetworkSlots(engine, "p", {}, 2, 2)
        slots.open(BRIDGE)
        slots.use_image("i")
        await slots.filled()
        slots.distrust()
        assert slots.take() is None
        slots.start_is_over()
        slots.give_back(None)
        slots.keep_only({"p-slot-2"})
        await slots.filled()
        assert {slots.take(), slots.take()} == {"p-slot-2", "p-slot-3"}


@pytest.mark.anyio
async def test_slots_are_made_at_once_when_the_engine_is_back(tmp_path: Path) -> None:
    """What failed while the engine was away put them off for half a minute."""
    answers = _engine_whose_starts(*[KILLED_AT_START] * 3, STARTED)
    async with engine_that(tmp_path, answers) as engine:
        slots = NetworkSlots(engine, "p", {}, 1, 1)
        slots.open(BRIDGE)
        slots.use_image("i")
        await slots.filled()
        assert slots.ready == 0
        slots.keep_only(set())
        await slots.filled()
        assert slots.ready == 1
