"""Whether a Docker engine with the base image is here, and what one emulator left on it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import docker
import pytest
from docker.errors import DockerException

if TYPE_CHECKING:
    from pathlib import Path

BASE = "public.ecr.aws/lambda/python:3.13"


def require_docker() -> None:
    """Skips the test, or fails it where TESTBED_REQUIRE_DOCKER is set."""
    try:
        client = docker.from_env(timeout=10)
        client.images.get(BASE)
        client.close()
    except DockerException as error:
        if os.environ.get("TESTBED_REQUIRE_DOCKER"):
            raise
        pytest.skip(f"no Docker engine with {BASE}: {error}")


def containers_of(state: Path) -> list[str]:
    """Names of the containers, running or not, of the emulator with this state directory."""
    label = f"serverless-testbed.instance={(state / 'instance').read_text().strip()}"
    client = docker.from_env(timeout=10)
    try:
        return [c.name for c in client.containers.list(all=True, filters={"label": label})]
    finally:
        client.close()
