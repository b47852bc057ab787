from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.function_configuration import FunctionConfiguration
from emulator.errors import SettingsError
from emulator.live.backends.docker.backend import DockerBackend
from emulator.live.backends.docker.container import container_configuration
from emulator.live.backends.docker.image_facts import ImageFacts
from emulator.live.backends.docker.network_slots import NetworkSlots
from emulator.live.backends.docker.oci_runtime import checked_runtime
from emulator.live.backends.sandbox_spec import CpuShare, SandboxSpec
from tests.live.backends.docker.scripted_engine import BRIDGE, engine_that, json_answer

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.docker.client import DockerEngine


def test_sandbox_has_the_engines_own_runtime_unless_one_is_named() -> None:
    configuration = FunctionConfiguration("f", "python3.13", "app.handler", memory_mb=512)
    spec = SandboxSpec(7, "sha256:1", configuration, {}, CpuShare(1447, 20_000))
    image = ImageFacts(("/entry",), ("own",), shell=True)
    own = container_configuration(spec, image, {}, BRIDGE)["HostConfig"]
    named = container_configuration(spec, image, {}, BRIDGE, runtime="crun")["HostConfig"]
    assert "Runtime" not in own
    assert named == own | {"Runtime": "crun"}


def test_runtime_that_the_engine_does_not_have_is_refused_with_those_that_it_has() -> None:
    info = {"DefaultRuntime": "runc", "Runtimes": {"runc": {}, "crun": {"path": "crun"}}}
    assert checked_runtime("crun", info) == "crun"
    assert checked_runtime("", info) == "runc"
    with pytest.raises(SettingsError, match=r"--oci-runtime kata: .* it has crun, runc\."):
        checked_runtime("kata", info)
    with pytest.raises(SettingsError, match="it has told of none"):
        checked_runtime("crun", {})


@pytest.mark.parametrize(("runtime", "member"), [("crun", "crun"), ("", None)])
@pytest.mark.anyio
async def test_slots_have_the_runtime_of_sandboxes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, member: str | None
) -> None:
    bodies: list[dict[str, Any]] = []

    async def made(_engine: DockerEngine, body: dict[str, Any], _name: str) -> str:
        bodies.append(body)
        return "c"

    monkeypatch.setattr("emulator.live.backends.docker.network_slots.create_container", made)
    async with engine_that(tmp_path, {"": json_answer(None)}) as engine:
        slots = NetworkSlots(engine, "p", {}, 1, 1)
        slots.open(BRIDGE, oci_runtime=runtime)
        slots.use_image("i")
        await slots.filled()
    assert [body["HostConfig"].get("Runtime") for body in bodies] == [member]


@pytest.mark.anyio
async def test_emulator_does_not_start_where_the_engine_lacks_its_runtime(tmp_path: Path) -> None:
    info = {"OSType": "linux", "NCPU": 2, "Runtimes": {"runc": {}}, "DefaultRuntime": "runc"}
    async with engine_that(tmp_path, {"/info": json_answer(info)}):
        environ = {"DOCKER_HOST": f"unix://{tmp_path}/engine"}
        backend = DockerBackend("none", environ=environ, oci_runtime="crun")
        try:
            with pytest.raises(SettingsError, match="no runtime of this name; it has runc"):
                await backend.open()
        finally:
            await backend.close()
