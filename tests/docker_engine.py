"""Whether a Docker engine with the base image is here, and what one emulator left on it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import BackendUnavailableError
from emulator.live.backends.docker.client import DockerEngine, EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE = "public.ecr.aws/lambda/python:3.13"


def require_docker() -> None:
    """Skips the test, or fails it where TESTBED_REQUIRE_DOCKER is set."""
    try:
        _ask(lambda api: api.inspect_image(BASE))
    except (BackendUnavailableError, EngineError) as error:
        if os.environ.get("TESTBED_REQUIRE_DOCKER"):
            raise
        pytest.skip(f"no Docker engine with {BASE}: {error}")


def containers_of(state: Path) -> list[str]:
    """Names of the containers, running or not, of the emulator with this state directory."""
    label = f"serverless-testbed.instance={(state / 'instance').read_text().strip()}"
    found = _ask(lambda api: api.containers(all=True, filters={"label": label}))
    return [container["Names"][0] for container in found]


def _ask(question: Callable[[Any], Any]) -> Any:
    async def ask() -> Any:
        engine = DockerEngine()
        try:
            await engine.connect()
            return await engine.call(question)
        finally:
            await engine.close(5)

    return asyncio.run(ask())
