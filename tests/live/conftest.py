"""Backends for the contract suite, each opened once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from emulator.core.function_configuration import FunctionConfiguration
from emulator.errors import BackendUnavailableError
from tests.live.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from emulator.live.backends.interface import SandboxBackend


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}  # what the gateway runs on


@pytest.fixture(
    scope="session",
    params=["scripted", "process", pytest.param("docker", marks=pytest.mark.docker)],
)
async def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SandboxBackend]:
    match request.param:
        case "docker":
            opened = await _docker(tmp_path_factory)
        case "process":
            opened = await _process(tmp_path_factory)
        case _:
            opened = ScriptedBackend()
    yield opened
    await opened.close()


async def _process(folders: pytest.TempPathFactory) -> SandboxBackend:
    from emulator.live.backends.process.backend import ProcessBackend  # noqa: PLC0415

    backend = ProcessBackend(folders.mktemp("state"), f"contract-{os.getpid()}")
    await backend.open()
    return backend


async def _docker(folders: pytest.TempPathFactory) -> SandboxBackend:
    from emulator.live.backends.docker.backend import DockerBackend  # noqa: PLC0415

    backend = DockerBackend(f"contract-{os.getpid()}", state=folders.mktemp("state"))
    needed = FunctionConfiguration("contract", "python3.13", "app.echo")
    try:
        await backend.check((needed,), print)
        await backend.open()
    except BackendUnavailableError as error:
        await backend.close()
        if os.environ.get("TESTBED_REQUIRE_DOCKER"):
            raise
        pytest.skip(str(error))
    return backend
