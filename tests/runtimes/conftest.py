"""A Docker backend for all of these tests, and the functions that `tests/runtimes/build` left."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from emulator.core.function_configuration import FunctionConfiguration, ImageSource, PackageType
from emulator.errors import BackendUnavailableError
from emulator.live.backends.docker.backend import DockerBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = Path(__file__).parent
REQUIRED = "TESTBED_REQUIRE_RUNTIMES"
"""Names, with commas between them, the languages whose absence is a failure and no skip."""


@dataclass(frozen=True)
class Runtime:
    """One language's function; each raises an error of its own when asked to."""

    language: str
    artifact: str
    """What must have been built."""
    error_type: str = "NoLuckError"
    missing: str = ""
    """A handler that is not there; empty where a client knows no handlers by name."""
    missing_type: str = "Runtime.HandlerNotFound"

    def function(
        self, *, memory_mb: int = 512, timeout: int = 60, handler: str = ""
    ) -> FunctionConfiguration:
        folder = HERE / self.language
        return FunctionConfiguration(
            f"runtime-{self.language}",
            package_type=PackageType.IMAGE,
            image=ImageSource(str(folder / "Dockerfile"), str(folder)),
            memory_mb=memory_mb,
            timeout=timeout,
            image_command=(handler,) if handler else (),
        )


RUNTIMES = (
    Runtime("python", "app.py", missing="app.missing"),
    Runtime(
        "java",
        "build/lib/function.jar",
        "testbed.Function$NoLuckError",
        "testbed.Missing::handleRequest",
        "java.lang.ClassNotFoundException",
    ),
    Runtime("go", "build/bootstrap"),
    Runtime(
        "node",
        "build/node_modules/aws-lambda-ric/dist/rapid-client.node",
        missing="index.missing",
    ),
    Runtime("rust", "build/bootstrap"),
)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}  # what the gateway runs on


@pytest.fixture(scope="session")
async def backend() -> AsyncIterator[DockerBackend]:
    opened = DockerBackend(f"runtimes-{os.getpid()}", slots=4)
    try:
        await opened.check((), print)
        await opened.open()
    except BackendUnavailableError as error:
        await opened.close()
        if os.environ.get("TESTBED_REQUIRE_DOCKER") or os.environ.get(REQUIRED):
            raise
        pytest.skip(str(error))
    yield opened
    await opened.close()


@pytest.fixture(scope="session", params=RUNTIMES, ids=[one.language for one in RUNTIMES])
async def runtime(request: pytest.FixtureRequest, backend: DockerBackend) -> Runtime:
    found: Runtime = request.param
    artifact = HERE / found.language / found.artifact
    if not artifact.exists():
        _without(found.language, f"{artifact} is not there")
    try:
        await backend.check((found.function(),), print)
    except BackendUnavailableError as error:
        _without(found.language, str(error))
    return found


def _without(language: str, why: str) -> NoReturn:
    said = f"tests/runtimes/build {language} has not been run, or not with success: {why}"
    if language in os.environ.get(REQUIRED, "").split(","):
        pytest.fail(said)
    pytest.skip(said)
