"""What functions write and how they end, found again in CloudWatch's tables."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from emulator.core.log_configuration import ApplicationLogLevel, LogConfiguration, LogFormat
from emulator.live.store.logs.groups import find_group, list_streams
from tests.live.watched import HERE, watched

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.telemetry.metric_data.metric import Dimensions

pytestmark = pytest.mark.anyio


async def test_what_a_function_writes_is_in_its_group(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        await here.run("say", "hello")
        found = await here.lines("/aws/lambda/say")
        words = [line.split()[0] for line in found]
        assert words == ["INIT_START", "START", "said", "END", "REPORT"]
        (stream,) = await here.watch.logs.read(
            lambda c: list_streams(c, find_group(c, HERE, "/aws/lambda/say").id)  # type: ignore[union-attr]
        )
        assert "/[$LATEST]" in stream.name


async def test_a_function_may_have_a_group_of_its_own_and_a_level(tmp_path: Path) -> None:
    logging = LogConfiguration(LogFormat.JSON, ApplicationLogLevel.ERROR, group="shared")
    async with watched(tmp_path) as here:
        await here.run("say", "a line of INFO", logging=logging)
        found = await here.lines("shared")
        assert await here.lines("/aws/lambda/say") == []
        types = [json.loads(line)["type"] for line in found]
        assert "platform.start" in types
        assert "platform.report" in types


async def test_invocations_are_metrics_of_the_minute_on_the_wall(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        await here.run("echo")
        await here.run("fail")
        echo: Dimensions = (("FunctionName", "echo"),)
        assert (await here.values("Invocations", echo)).total == 1
        assert (await here.values("Errors", echo)).counts == {0.0: 1}
        assert (await here.values("Errors", (("FunctionName", "fail"),))).total == 1
        assert (await here.values("Invocations", ())).total == 2
        assert (await here.values("Duration", echo)).count == 1
        assert (await here.values("ConcurrentExecutions", echo)).high == 1
        assert (await here.values("UnreservedConcurrentExecutions", ())).high == 1


async def test_a_dilated_duration_is_lambdas_and_its_minute_the_walls(tmp_path: Path) -> None:
    async with watched(tmp_path, dilation=10) as here:
        began = time.monotonic()
        await here.run("pause")
        real_ms = (time.monotonic() - began) * 1000
        duration = await here.values("Duration", (("FunctionName", "pause"),))
        assert 0 < duration.total < real_ms / 5
