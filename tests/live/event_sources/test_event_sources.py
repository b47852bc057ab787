"""The life of a mapping: its states, its changes, and its end."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from typing import TYPE_CHECKING

import pytest

from emulator.core.function_names import Scope
from emulator.live.aws.endpoints import Endpoints
from emulator.live.event_sources.event_sources import MappingState
from tests.live.aws.stand_ins import StandIns
from tests.live.event_sources.mapped import Functions, Queue, bench, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def test_mapping_goes_from_creating_to_enabled(others: StandIns, tmp_path: Path) -> None:
    queue = Queue(others)
    async with bench(others, tmp_path, Functions()) as here:
        members = {"EventSourceArn": queue.arn, "FunctionArn": "arn:f"}
        mapping = await here.sources.create(Scope(), members)
        assert mapping.state is MappingState.CREATING
        await until(lambda: mapping.state is MappingState.ENABLED)
        assert here.sources.all(Scope()) == [mapping]
        assert here.sources.all(Scope(region="eu-west-1")) == []
        assert here.sources.get(Scope("111111111111"), mapping.key.name) is None


async def test_disabled_mapping_polls_nothing_until_it_is_enabled(
    others: StandIns, tmp_path: Path
) -> None:
    queue, functions = Queue(others), Functions()
    async with bench(others, tmp_path, functions) as here:
        mapping = await here.mapped(queue.arn)
        await here.sources.update(mapping, {"Enabled": False})
        assert mapping.state is MappingState.DISABLING
        await until(lambda: mapping.state is MappingState.DISABLED)
        queue.send("a")
        await asyncio.sleep(0.1)
        assert functions.batches == []
        await here.sources.update(mapping, {"Enabled": True})
        assert mapping.state is MappingState.ENABLING
        await until(lambda: functions.bodies == ["a"])
        assert mapping.state is MappingState.ENABLED


async def test_mapping_that_begins_disabled_stays_so(others: StandIns, tmp_path: Path) -> None:
    async with bench(others, tmp_path, Functions()) as here:
        mapping = await here.mapped(Queue(others).arn, Enabled=False)
        assert mapping.state is MappingState.DISABLED
        assert mapping.running is None


async def test_change_is_in_force_after_updating(others: StandIns, tmp_path: Path) -> None:
    queue, functions = Queue(others), Functions()
    async with bench(others, tmp_path, functions) as here:
        mapping = await here.mapped(queue.arn)
        await here.sources.update(mapping, {"BatchSize": 1})
        assert mapping.state is MappingState.UPDATING
        await until(lambda: mapping.state is MappingState.ENABLED)
        queue.send("a", "b", "c")
        await until(lambda: len(functions.bodies) == 3)
    assert [len(batch) for batch in functions.batches] == [1, 1, 1]


@pytest.mark.parametrize(
    ("members", "state"),
    [
        ({"BatchSize": 3}, MappingState.UPDATING),
        ({"Enabled": False}, MappingState.DISABLING),
        (None, MappingState.DELETING),
    ],
)
async def test_change_is_seen_before_it_is_on_the_disk(
    others: StandIns, tmp_path: Path, members: dict[str, object] | None, state: MappingState
) -> None:
    """A second one in this moment left a poller that nobody ended."""
    async with bench(others, tmp_path, Functions()) as here:
        mapping = await here.mapped(Queue(others).arn)
        sources = here.sources
        work = sources.delete(mapping) if members is None else sources.update(mapping, members)
        changing = asyncio.create_task(work)
        await asyncio.sleep(0)
        assert mapping.state is state
        await changing
        assert mapping.state is state


async def test_mapping_is_seen_before_it_is_on_the_disk_and_not_where_that_fails(
    others: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {"EventSourceArn": Queue(others).arn, "FunctionArn": "arn:f"}
    async with bench(others, tmp_path, Functions()) as here:
        making = asyncio.create_task(here.sources.create(Scope(), members))
        await asyncio.sleep(0)
        (mapping,) = here.sources.all(Scope())
        assert mapping.state is MappingState.CREATING
        assert await making is mapping

        async def full(_: object) -> None:
            raise sqlite3.OperationalError("the disk is full")

        monkeypatch.setattr(here.sources._resources, "change", full)
        with pytest.raises(sqlite3.OperationalError):
            await here.sources.create(Scope(), members)
        with pytest.raises(sqlite3.OperationalError):
            await here.sources.delete(mapping)
        assert here.sources.all(Scope()) == [mapping]
        await until(lambda: mapping.state is MappingState.ENABLED)


async def test_deleted_mapping_finishes_its_batch_and_is_gone(
    others: StandIns, tmp_path: Path
) -> None:
    queue, functions = Queue(others), Functions(held=asyncio.Event())
    queue.send("a")
    async with bench(others, tmp_path, functions) as here:
        mapping = await here.mapped(queue.arn)
        await until(lambda: functions.running == 1)
        await here.sources.delete(mapping)
        assert mapping.state is MappingState.DELETING
        assert functions.held is not None
        functions.held.set()
        await until(lambda: here.sources.all(Scope()) == [])
        assert queue.left() == 0
    async with bench(others, tmp_path, functions) as here:
        assert here.sources.all(Scope()) == []


async def test_end_in_the_midst_of_a_change_leaves_no_poller(
    others: StandIns, tmp_path: Path
) -> None:
    """The change had taken the poller over, and was broken off before it had ended the poller."""
    queue, functions = Queue(others), Functions(held=asyncio.Event())
    queue.send("a")
    async with bench(others, tmp_path, functions) as here:
        mapping = await here.mapped(queue.arn)
        await until(lambda: functions.running == 1)
        polling = mapping.running
        assert polling is not None
        await here.sources.delete(mapping)
        await asyncio.sleep(0)
    assert polling.task.done()
    assert functions.cancelled == 1


async def dialled(silent: socket.socket) -> socket.socket:
    """Returns the connection of who dials a server first that never answers."""
    silent.setblocking(False)
    async with asyncio.timeout(20):
        connection, _ = await asyncio.get_running_loop().sock_accept(silent)
    return connection


async def test_source_that_never_answers_holds_up_neither_the_end_nor_a_deletion(
    others: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.live.event_sources.event_sources._LEAVE", 0.5)
    arn = Queue(others).arn
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        others = StandIns(url)
        others.endpoints = Endpoints({"sqs": url}, None)
        async with bench(others, tmp_path, Functions()) as here:
            members = {"EventSourceArn": arn, "FunctionArn": "arn:f"}
            first = await here.sources.create(Scope(), members)
            await here.sources.create(Scope(), members)
            with await dialled(silent):
                await here.sources.delete(first)
                await until(lambda: len(here.sources.all(Scope())) == 1)
