from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from emulator.live.backends.docker.client import EngineError
from tests.live.backends.docker.scripted_engine import engine_that, json_answer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.anyio
async def test_refusal_of_the_engine_is_its_own_sentence(tmp_path: Path) -> None:
    refusal = json_answer({"message": "no such thing"}, "404 Not Found")
    async with engine_that(tmp_path, {"/events": refusal}) as engine:
        with pytest.raises(EngineError, match="no such thing") as raised:
            await engine.exchange("GET /events", {}, lambda _: None)
    assert raised.value.missing


@pytest.mark.anyio
async def test_engine_that_hangs_up_is_an_error(tmp_path: Path) -> None:
    async with engine_that(tmp_path, {"/events": asyncio.StreamWriter.close}) as engine:
        with pytest.raises(EngineError, match="hung up"):
            await engine.exchange("GET /events", {}, lambda _: None)
