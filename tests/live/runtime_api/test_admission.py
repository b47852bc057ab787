"""Who is answered by a sandbox's Runtime API, and when."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

import pytest

from emulator.host.peers import Owners
from emulator.live.runtime_api.admission import Admission
from tests.live.runtime_api.wire import ACCEPTED, BOUND, NEXT, RESPONSE, WORK, sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.host.peers import Peer

pytestmark = pytest.mark.anyio


class Started:
    """A sandbox of these processes."""

    def __init__(self, *pids: int) -> None:
        self._owners = Owners(lambda: pids)

    async def owns(self, peer: Peer) -> bool:
        return await self._owners.made(peer)


def warnings(records: Iterable[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in records if record.levelno == logging.WARNING]


async def test_sandbox_itself_is_answered() -> None:
    admission = Admission()
    admission.started(Started(os.getpid()))
    async with sandbox(admission.admits) as here:
        client = await here.asking()
        here.endpoint.dispatch(WORK)
        assert await client.answer() == (200, WORK.payload)
        client.send(RESPONSE + b"Content-Length: 4\r\n\r\nnull")
        assert await client.answer() == ACCEPTED


async def test_stranger_is_cut_off_unanswered_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    admission = Admission()
    admission.started(Started())
    async with sandbox(admission.admits) as here:
        for _ in range(5):
            stranger = await here.dial()
            stranger.send(NEXT)
            assert await stranger.ended()
        assert here.listener.told == []
        assert here.endpoint.peer == ""
        [warning] = warnings(caplog.records)
        assert f"port {here.endpoint.port} was refused" in warning


async def test_runtime_that_dials_before_its_start_is_over_loses_nothing() -> None:
    admission = Admission()
    async with sandbox(admission.admits) as here:
        client = await here.dial()
        client.send(NEXT)
        here.endpoint.dispatch(WORK)
        for _ in range(20):
            await asyncio.sleep(0)
        assert here.listener.told == []
        admission.started(Started(os.getpid()))
        assert await client.answer() == (200, WORK.payload)
    assert here.listener.told == [("connected",)]


async def test_connection_waits_for_a_start_no_longer_than_its_patience() -> None:
    admission = Admission(patience=0.01)
    async with sandbox(admission.admits) as here:
        client = await here.dial()
        client.send(NEXT)
        assert await client.ended()
    assert here.listener.told == []


async def test_check_that_fails_admits_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(peer: Peer) -> bool:
        raise OSError(f"nothing is known of {peer.address}")

    async with sandbox(broken) as here:
        client = await here.dial()
        client.send(NEXT)
        assert await client.ended()
    assert here.listener.told == []
    assert "could not be told" in caplog.text


async def test_connection_that_is_admitted_as_its_runtime_is_killed_counts_for_nothing() -> None:
    verdict: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    asked = asyncio.Event()

    async def admits(_: Peer) -> bool:
        asked.set()
        return await asyncio.shield(verdict)

    async with sandbox(admits) as here:
        killed = await here.dial()
        async with asyncio.timeout(BOUND):
            await asked.wait()
        verdict.set_result(True)
        await asyncio.sleep(0)
        here.endpoint.reset()
        assert await killed.ended()
    assert here.listener.told == []


async def test_reset_and_close_cut_those_off_who_wait_to_be_admitted() -> None:
    admission = Admission()
    async with sandbox(admission.admits) as here:
        before, after = await here.dial(), await here.dial()
        here.endpoint.reset()
        assert await before.ended()
        assert await after.ended()
        async with asyncio.timeout(BOUND):
            await here.endpoint.drained(BOUND)
        late = await here.dial()
        await here.endpoint.close()
        assert await late.ended()
    assert here.listener.told == []
