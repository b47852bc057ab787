from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import BuildError
from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.images import DockerImages
from tests.live.backends.docker.scripted_engine import chunks, engine_that, json_answer, quiet

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from emulator.live.backends.interface import Progress


def _pulling(answer: Callable[[asyncio.StreamWriter], None]) -> dict[str, Any]:
    absent = json_answer({"message": "No such image"}, "404 Not Found")
    return {"/json": absent, "/images/create": answer}


@pytest.mark.anyio
@pytest.mark.parametrize("begun", [b"", b'{"status":"Pulling"}\n'])
async def test_pull_without_progress_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("emulator.live.backends.docker.images._LAYER_TIMEOUT", 0.05)
    answer = chunks(begun, last=False) if begun else lambda _: None
    async with engine_that(tmp_path, _pulling(answer)) as engine:
        images = DockerImages(engine, pull_patience=0.05)
        with pytest.raises(EngineError, match="no progress"):
            await images.ensure("a/b:1", quiet)


@pytest.mark.anyio
async def test_error_of_a_pull_is_told(tmp_path: Path) -> None:
    answer = chunks(b'{"status":"x"}\n{"error":"man', b'ifest unknown"}\n')
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
    async with engine_that(tmp_path, {"/build": chunks(*pieces)}) as engine:
        with pytest.raises(BuildError) as raised, (tmp_path / "context").open("w+b") as context:
            await DockerImages(engine)._build("f", context, {}, progress)
    assert str(raised.value) == f"f: the image could not be built: {message}"
    assert seen == ["Step 1/1"]
