"""Which backend `testbed up` takes, and what it says about that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from emulator.config import BackendChoice, Settings
from emulator.errors import SettingsError
from emulator.live.backends.docker.backend import DockerBackend
from emulator.live.store.state_directory import StateDirectory
from emulator.up import display as shown
from emulator.up import serve as up

if TYPE_CHECKING:
    from pathlib import Path


class StartedAgainError(Exception):
    """In place of the program that the move starts."""


class Said(shown.LineDisplay):
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_program_that_starts_again_leaves_the_missing_engine_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def move(*_: object) -> None:
        raise StartedAgainError

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setattr(up, "enter_delegated_scope", move)
    display = Said()
    with StateDirectory(tmp_path / "state") as state, pytest.raises(StartedAgainError):
        asyncio.run(up.open_backend(Settings(), state, (), display))
    assert display.lines == []


def test_signal_while_an_engine_is_being_opened_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []
    opens = asyncio.Event()

    class Slow(DockerBackend):
        """Is never done with its opening: this test needs no engine."""

        async def check(self, *_: object) -> None:
            pass

        async def open(self) -> None:
            opens.set()
            await asyncio.get_running_loop().create_future()

        async def close(self) -> None:
            await super().close()
            closed.append(True)

    async def cancelled() -> None:
        opening = asyncio.create_task(up.open_backend(Settings(), state, (), Said()))
        await opens.wait()
        opening.cancel()  # as SIGINT and SIGTERM do
        await opening

    monkeypatch.setattr("emulator.live.backends.docker.backend.DockerBackend", Slow)
    with StateDirectory(tmp_path / "state") as state, pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert closed


@pytest.mark.parametrize("backend", [BackendChoice.PROCESS, BackendChoice.AUTO])
def test_engines_runtime_is_refused_where_sandboxes_are_processes(
    backend: BackendChoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    settings = Settings(backend=backend, oci_runtime="crun")
    with (
        StateDirectory(tmp_path / "state") as state,
        pytest.raises(SettingsError, match="--oci-runtime crun is of a Docker engine"),
    ):
        asyncio.run(up.open_backend(settings, state, (), Said()))
