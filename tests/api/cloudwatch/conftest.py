"""CloudWatch over HTTP, with boto3's clients, and its archives beside for what functions tell."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from emulator.api.operations import all_operations
from emulator.core.function_names import Scope
from emulator.live.cloudwatch import LOG_SCHEMAS, CloudWatch
from emulator.live.store.database import Database
from emulator.live.store.logs.events import StreamName
from tests.api.services.conftest import ServedApi, served_api

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_700_000_000.0
"""The epoch second at which time stands still here."""
HERE = Scope()
GROUP = "/aws/lambda/echo"


@dataclass
class Watched:
    api: ServedApi
    watch: CloudWatch
    logs: Any
    """boto3's client of CloudWatch Logs."""
    metrics: Any
    """boto3's client of CloudWatch."""

    def wrote(self, line: str, *, at: float = NOW, stream: str = "s", group: str = GROUP) -> None:
        """Writes a line as a function does."""

        async def write() -> None:
            self.watch.logs.wrote(StreamName(HERE, group, stream), at, line)

        self.api.run(write())


@pytest.fixture
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("state")
    with closing(Database(folder / "watched.db", LOG_SCHEMAS)) as database:
        watch = CloudWatch(database, limit=1 << 24, home=HERE, wall_time=lambda: NOW)
        with served_api(registry=lambda one: all_operations(one, watch), folder=folder) as api:
            yield Watched(api, watch, api.client("logs"), api.client("cloudwatch"))
            asyncio.run_coroutine_threadsafe(watch.close(), api.loop).result(60)
