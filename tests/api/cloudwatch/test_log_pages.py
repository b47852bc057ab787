"""What `testbed logs` reads."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from fastapi import HTTPException
from fastapi.responses import PlainTextResponse, StreamingResponse

from emulator.api.cloudwatch.log_pages import Wanted, following_lines, log_lines
from emulator.live.store.logs.events import StreamName
from tests.live.watched import HERE, watched

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.watched import Watched

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": False}


def write(here: Watched, line: str) -> None:
    here.watch.logs.wrote(StreamName(HERE, "/aws/lambda/echo", "s"), time.time(), line)


async def page(here: Watched, limit: int = 200, pattern: str = "") -> list[str]:
    wanted = Wanted(limit, pattern)
    answer = await log_lines(here.engine, here.watch, "echo", wanted)
    assert isinstance(answer, PlainTextResponse)
    return bytes(answer.body).decode().splitlines()


async def test_the_newest_lines_that_match_are_shown(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        for number in range(6):
            write(here, f"{'ERROR' if number % 2 else 'fine'} {number}")
        assert await page(here, 2) == ["fine 4", "ERROR 5"]
        assert await page(here, 2, "ERROR") == ["ERROR 3", "ERROR 5"]


async def test_a_function_without_a_log_has_an_empty_one(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        with pytest.raises(HTTPException) as unknown:
            await page(here)
        assert unknown.value.status_code == 404
        await here.run("echo")
        assert (await page(here))[0].startswith("INIT_START")


async def test_a_pattern_that_is_none_is_refused(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        write(here, "line")
        with pytest.raises(HTTPException) as refused:
            await page(here, pattern="{ $.a")
        assert refused.value.status_code == 400


async def test_lines_to_come_follow_each_once(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        write(here, "ERROR old")
        wanted = Wanted(10, "ERROR")
        answer = await following_lines(here.engine, here.watch, "echo", wanted)
        assert isinstance(answer, StreamingResponse)
        pieces = aiter(answer.body_iterator)
        async with asyncio.timeout(20):
            assert await anext(pieces) == "ERROR old\n"
            write(here, "fine")
            write(here, "ERROR one")
            assert await anext(pieces) == "ERROR one\n"
            write(here, "ERROR two")
            assert await anext(pieces) == "ERROR two\n"
