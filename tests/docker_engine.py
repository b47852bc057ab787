"""Whether a Docker engine with the base image is here, and what one emulator left on it."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, TypeVar

import pytest

from emulator.errors import BackendUnavailableError
from emulator.live.backends.docker.client import DockerEngine, EngineError
from emulator.live.backends.docker.containers import LABEL, list_containers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

BASE = "public.ecr.aws/lambda/python:3.13"
T = TypeVar("T")


def require_docker() -> None:
    """Skips the test, or fails it where TESTBED_REQUIRE_DOCKER is set."""
    try:
        _ask(lambda engine: engine.call(f"GET /images/{BASE}/json"))
    except (BackendUnavailableError, EngineError) as error:
        if os.environ.get("TESTBED_REQUIRE_DOCKER"):
            raise
        pytest.skip(f"no Docker engine with {BASE}: {error}")


def images_called(repository: str) -> list[str]:
    """Returns the names, with tags, of the engine's images of a repository."""
    filters = json.dumps({"reference": [repository]})
    found = _ask(lambda engine: engine.call("GET /images/json", {"filters": filters}))
    return sorted(tag for image in found for tag in image["RepoTags"] or ())


def containers_of(state: Path) -> list[str]:
    """Returns the names of the containers of the emulator with this state directory."""
    label = f"{LABEL}={(state / 'instance').read_text().strip()}"
    return sorted(_ask(lambda engine: list_containers(engine, label)))


def _ask(question: Callable[[DockerEngine], Awaitable[T]]) -> T:
    async def ask() -> T:
        engine = DockerEngine()
        try:
            await engine.connect()
            return await question(engine)
        finally:
            await engine.close(5)

    return asyncio.run(ask())
