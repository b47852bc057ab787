"""Packages of earlier deployments go from the disk, and never from under a sandbox."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.version_key import VersionKey
from emulator.errors import BackendUnavailableError, SettingsError
from emulator.live.backends.page_cache import PrivatePages
from emulator.live.backends.process.backend import ProcessBackend
from tests.live.world import BOUND, World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from emulator.live.backends.interface import SandboxBackend

pytestmark = pytest.mark.anyio

KEY = VersionKey.of("f")
CODE = """
import os, time

def handler(event, context):
    time.sleep(event)
    return "LETTER" + open(os.path.join(os.path.dirname(__file__), "word")).read()
"""


@asynccontextmanager
async def opened(backend: SandboxBackend, folder: Path, **settings: int) -> AsyncIterator[World]:
    try:
        await backend.open()
    except (BackendUnavailableError, SettingsError) as error:
        await backend.close()
        if os.environ.get("TESTBED_REQUIRE_DOCKER"):
            raise
        pytest.skip(str(error))
    try:
        async with world(backend, folder, **settings) as here:
            here.engine.keep_only({KEY})
            yield here
    finally:
        await backend.close()


async def deploy(here: World, letter: str) -> None:
    source = here.folder / letter
    source.mkdir(exist_ok=True)
    (source / "app.py").write_text(CODE.replace("LETTER", letter))
    (source / "word").write_text("!")
    configuration = FunctionConfiguration(
        "f", "python3.13", "app.handler", code=str(source), memory_mb=256, timeout=60
    )
    await here.engine.deploy(configuration, lambda _: None)


async def left(folder: Path, pattern: str, number: int) -> None:
    """Waits until so many files or folders match."""
    async with asyncio.timeout(BOUND):
        while len(list(folder.glob(pattern))) != number:  # noqa: ASYNC110, ASYNC240  # nothing tells
            await asyncio.sleep(0.01)


async def test_deployments_leave_one_package_and_each_answers(tmp_path: Path) -> None:
    packages = tmp_path / "state/packages"
    async with opened(ProcessBackend(tmp_path / "state", "prune"), tmp_path) as here:
        for letter in "abab":
            await deploy(here, letter)
            assert (await here.invoke(KEY, 0)).payload == f'"{letter}!"'.encode()
            await here.idle()
        await deploy(here, "c")
        await here.gone()
        await deploy(here, "d")  # whatever still saw a package at the last look is gone by now
        await left(packages, "[0-9a-f]*", 1)


async def test_request_before_a_deployment_is_answered_by_the_code_that_it_was_for(
    tmp_path: Path,
) -> None:
    """One sandbox works and one waits for its start while their package is no version's."""
    backend = ProcessBackend(tmp_path / "state", "prune")
    async with opened(backend, tmp_path, start_width=1) as here:
        await deploy(here, "a")
        before = [asyncio.ensure_future(here.invoke(KEY, 0.5)) for _ in range(3)]
        await asyncio.sleep(0)
        await deploy(here, "b")
        await asyncio.sleep(0.2)  # a look takes milliseconds
        assert {(await answer).payload for answer in before} == {b'"a!"'}
        assert (await here.invoke(KEY, 0)).payload == b'"b!"'


async def images_go_with_their_deployments(backend: SandboxBackend, state: Path) -> None:
    async with opened(backend, state) as here:
        for letter in "abca":
            await deploy(here, letter)
            assert (await here.invoke(KEY, 0)).payload == f'"{letter}!"'.encode()
            await here.idle()
        here.engine.retire(KEY)
        await here.gone()
        await left(state / "images", "*.ext4", 0)


async def test_images_for_page_caches_go_with_their_packages(tmp_path: Path) -> None:
    pages = PrivatePages(tmp_path)
    try:
        pages.open()
    except SettingsError as error:
        pytest.skip(str(error))
    backend = ProcessBackend(tmp_path, "prune", private=pages)
    await images_go_with_their_deployments(backend, tmp_path)


@pytest.mark.docker
async def test_images_for_page_caches_go_with_their_packages_on_docker(tmp_path: Path) -> None:
    from emulator.live.backends.docker.backend import DockerBackend  # noqa: PLC0415

    pages = PrivatePages(tmp_path)
    try:
        pages.open()
    except SettingsError as error:
        pytest.skip(str(error))
    backend = DockerBackend(f"prune-{os.getpid()}", private=pages)
    await images_go_with_their_deployments(backend, tmp_path)
