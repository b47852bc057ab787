from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.core.function_configuration import FunctionConfiguration
from emulator.errors import SandboxStartError
from emulator.live.backends.docker.backend import DockerBackend
from emulator.live.backends.sandbox_spec import CpuShare, SandboxSpec
from tests.live.backends.docker.scripted_engine import chunks, engine_that, json_answer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from emulator.live.backends.interface import Exit

SPEC = SandboxSpec(
    7,
    "image",
    FunctionConfiguration("f", "python3.13", "app.handler"),
    {},
    CpuShare(20_000, 20_000),
)
INFO = {"OSType": "linux", "OperatingSystem": "Docker Desktop", "NCPU": 2, "DockerRootDir": "/d"}


def unheard(_: bytes) -> None:
    pass


def ended(_name: str, _ended: Exit) -> None:
    pass


@asynccontextmanager
async def opened(
    folder: Path, start: Callable[[asyncio.StreamWriter], None]
) -> AsyncIterator[tuple[DockerBackend, list[str]]]:
    """Opens a backend whose engine answers a container's start so, and lists what was removed."""
    removed: list[str] = []

    def remove(writer: asyncio.StreamWriter) -> None:
        removed.append("a container")
        json_answer(None)(writer)

    answers = {
        "/info": json_answer(INFO),
        "/events": chunks(last=False),
        "/containers/json": json_answer([]),
        "/json": json_answer({"message": "no such container"}, "404 Not Found"),
        "/create": json_answer({"Id": "c"}),
        "/attach": lambda writer: writer.write(b"HTTP/1.1 101 UPGRADED\r\n\r\n"),
        "/start": start,
        "": remove,
    }
    async with engine_that(folder, answers) as engine:
        backend = DockerBackend("s", environ={"DOCKER_HOST": engine.address})
        await backend.open()
        try:
            yield backend, removed
        finally:
            await backend.close()


@pytest.mark.anyio
async def test_sandbox_is_a_container_that_is_made_and_started_and_in_the_end_removed(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, json_answer(None)) as (backend, removed):
        sandbox = await backend.start(SPEC, unheard, ended)
        assert sandbox.create > 0
        assert sandbox.start > 0
        assert not removed
        await sandbox.stop()
        assert removed == ["a container"]
        assert (await sandbox.exited).code == 137


@pytest.mark.anyio
async def test_sandbox_that_the_engine_does_not_start_leaves_nothing(tmp_path: Path) -> None:
    refusal = json_answer({"message": "no space left"}, "500 Internal Server Error")
    async with opened(tmp_path, refusal) as (backend, removed):
        with pytest.raises(SandboxStartError, match="started no sandbox: no space left"):
            await backend.start(SPEC, unheard, ended)
        assert removed == ["a container"]
