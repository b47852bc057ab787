"""A real external extension against the two APIs, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from emulator.live.runtime_api.extensions import Extensions, FunctionIdentity, ShutdownReason
from emulator.live.runtime_api.telemetry import TelemetryApi
from emulator.telemetry import platform_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

RECORDER = Path(__file__).parents[1] / "extensions" / "recorder"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
BOUND = 60.0
"""Seconds that any one wait may take."""


@dataclass
class Gateway:
    """As much of a Runtime API server as an extension needs."""

    file: Path
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        function = FunctionIdentity("f", "$LATEST", "app.handler", "123456789012")
        self.extensions = Extensions(
            function, ("recorder",), lambda: str(uuid4()), self.changed.set, lambda *_: None
        )
        self.telemetry = TelemetryApi(
            self.extensions, lambda: "127.0.0.1", time.time, lambda _: None
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.rstrip().split(b"\r\n")
            method, path, _ = first.split()
            pairs = (line.split(b": ", 1) for line in lines)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers.get(b"content-length", 0)))
            for api in (self.extensions, self.telemetry):
                if api.answer(method, path, headers, body, writer.write):
                    await reader.read()  # until the client has its answer
                    return
        except ConnectionError:
            pass  # it was stopped
        finally:
            writer.close()

    async def until_none_is_awaited(self) -> None:
        async with asyncio.timeout(BOUND):
            while self.extensions.awaited():
                self.changed.clear()
                await self.changed.wait()

    def recorded(self, kind: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.file.read_text().splitlines()]
        return [line for line in lines if line["kind"] == kind]


@asynccontextmanager
async def recorder(
    folder: Path, **settings: str
) -> AsyncIterator[tuple[Gateway, asyncio.subprocess.Process]]:
    gateway = Gateway(folder / "extension.jsonl")
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "RECORDER_PORT": "0",
        "RECORDER_FILE": str(gateway.file),
        **settings,
    }
    process = await asyncio.create_subprocess_exec(str(RECORDER), env=environment)
    try:
        yield gateway, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await gateway.telemetry.close()
        server.close()


async def test_recorder_writes_down_its_whole_life(tmp_path: Path) -> None:
    async with recorder(tmp_path) as (gateway, process):
        await gateway.until_none_is_awaited()
        gateway.extensions.invoke("id-1", 1_700_000_000_000, ARN)
        gateway.telemetry.emit(platform_events.start(time.time(), "id-1", "$LATEST"))
        gateway.telemetry.emit(platform_events.function_log(time.time(), "hello\n"))
        await gateway.until_none_is_awaited()
        await gateway.telemetry.flush(BOUND)
        assert gateway.extensions.shutdown(ShutdownReason.SPINDOWN, 1) == {"recorder"}
        async with asyncio.timeout(BOUND):
            assert await process.wait() == 0
    [registered] = gateway.recorded("registered")
    assert registered["body"]["accountId"] == "123456789012"
    assert [line["body"] for line in gateway.recorded("subscribed")] == ["OK"]
    events = [line["body"] for line in gateway.recorded("event")]
    assert [event["eventType"] for event in events] == ["INVOKE", "SHUTDOWN"]
    telemetry = [line["body"] for line in gateway.recorded("telemetry")]
    assert [(event["type"], event["record"]) for event in telemetry] == [
        (
            "platform.telemetrySubscription",
            {"name": "recorder", "state": "Subscribed", "types": ["platform", "function"]},
        ),
        ("platform.start", {"requestId": "id-1", "version": "$LATEST"}),
        ("function", "hello\n"),
    ]


async def test_recorder_holds_back_its_next_when_told_to(tmp_path: Path) -> None:
    async with recorder(tmp_path, RECORDER_HOLD_MS="150") as (gateway, _):
        await gateway.until_none_is_awaited()
        began = time.monotonic()
        gateway.extensions.invoke("id-1", 1_700_000_000_000, ARN)
        await gateway.until_none_is_awaited()
        assert time.monotonic() - began >= 0.15
