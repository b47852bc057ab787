from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.core.function_names import Scope
from emulator.live.store.database import Database
from emulator.live.store.logs.archive import LogArchive
from emulator.live.store.logs.events import NewEvent, Span, StreamName, forward, newest, scan
from emulator.live.store.logs.groups import (
    LogGroup,
    delete_group,
    delete_stream,
    find_group,
    list_groups,
    list_streams,
    set_retention,
)
from emulator.live.store.logs.position import Position
from emulator.live.store.logs.schema import LOGS
from emulator.telemetry.line_splitter import EVENT_OVERHEAD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HERE = Scope("123456789012", "us-east-1")
GROUP = "/aws/lambda/echo"
LIMIT = 1 << 20
DAY = 86_400
FEW = 500
"""Lines of a batch that is not put aside."""

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


@asynccontextmanager
async def archive(
    folder: Path, *, limit: int = LIMIT, clock: Clock | None = None
) -> AsyncIterator[LogArchive]:
    database = Database(folder / "logs.db", [LOGS])
    found = LogArchive(database, limit=limit, wall_time=clock if clock is not None else Clock())
    try:
        yield found
    finally:
        await found.close()
        database.close()


def written(connection: sqlite3.Connection) -> list[tuple[str]]:
    return connection.execute("SELECT message FROM log_events").fetchall()


def in_tables(folder: Path) -> list[tuple[str]]:
    beside = sqlite3.connect(folder / "logs.db")
    try:
        return written(beside)
    finally:
        beside.close()


def write(logs: LogArchive, group: str, stream: str, at_epoch: float, line: str) -> None:
    logs.wrote(StreamName(HERE, group, stream), at_epoch, line)


async def lines(logs: LogArchive, name: str = GROUP) -> list[str]:
    def work(connection: sqlite3.Connection) -> list[str]:
        group = find_group(connection, HERE, name)
        return [event.message for event in scan(connection, group.id, Span())] if group else []

    return await logs.read(work)


async def group(logs: LogArchive, name: str = GROUP) -> LogGroup:
    found = await logs.read(lambda connection: find_group(connection, HERE, name))
    assert found is not None
    return found


async def test_a_reader_sees_every_line_that_was_taken_before(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        logs.opened(HERE, GROUP, "s")
        for number in range(3):
            write(logs, GROUP, "s", 10.0 + number, f"line {number}")
        assert await lines(logs) == ["line 0", "line 1", "line 2"]


async def test_logs_outlive_the_process(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        write(logs, GROUP, "s", 10.0, "before")
    async with archive(tmp_path) as logs:
        write(logs, GROUP, "s", 11.0, "after")
        assert await lines(logs) == ["before", "after"]


async def test_a_batch_is_written_without_a_reader(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        write(logs, GROUP, "s", 10.0, "line")
        with sqlite3.connect(tmp_path / "logs.db") as beside:
            async with asyncio.timeout(20):
                while not written(beside):  # noqa: ASYNC110  # nothing tells a test
                    await asyncio.sleep(0.05)
        beside.close()


async def test_a_stream_is_there_before_its_first_line(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        logs.opened(HERE, GROUP, "s")
        found = await group(logs)
        streams = await logs.read(lambda connection: list_streams(connection, found.id))
        assert [(one.name, one.first, one.last, one.size) for one in streams] == [
            ("s", None, None, 0)
        ]


async def test_sizes_and_times_are_those_of_the_events(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        write(logs, GROUP, "s", 10.0, "é")
        write(logs, GROUP, "s", 9.0, "earlier")
        write(logs, GROUP, "t", 11.0, "")
        found = await group(logs)
        streams = await logs.read(lambda connection: list_streams(connection, found.id))
        assert [(one.name, one.first, one.last, one.size) for one in streams] == [
            ("s", 9_000, 10_000, 2 + 7 + 2 * EVENT_OVERHEAD),
            ("t", 11_000, 11_000, EVENT_OVERHEAD),
        ]
        assert found.size == sum(one.size for one in streams)


async def test_events_are_ordered_by_time_then_by_arrival(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        for at, line in ((2.0, "b"), (1.0, "a"), (2.0, "c")):
            write(logs, GROUP, "s", at, line)
        assert await lines(logs) == ["a", "b", "c"]


async def test_a_span_bounds_by_time_and_by_place(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        for number in range(6):
            write(logs, GROUP, "s", number, f"{number}")
        found = await group(logs)

        def read(connection: sqlite3.Connection) -> list[list[str]]:
            (stream,) = list_streams(connection, found.id)
            spans = (
                Span(1000, 4000),
                Span(after=Position(2000, 3)),
                Span(before=Position(2000, 3)),
            )
            return [[e.message for e in forward(connection, stream.id, s, 10)] for s in spans] + [
                [e.message for e in newest(connection, found.id, Span(), 2)]
            ]

        assert await logs.read(read) == [["1", "2", "3"], ["3", "4", "5"], ["0", "1"], ["4", "5"]]


async def test_the_oldest_events_of_all_groups_go_first(tmp_path: Path) -> None:
    size = 100 + EVENT_OVERHEAD
    async with archive(tmp_path, limit=5 * size) as logs:
        write(logs, "other", "s", 0.0, "x" * 100)
        for number in range(6):
            write(logs, GROUP, "s", number, f"{number}" * 100)
        kept = await lines(logs)
        assert kept == [f"{number}" * 100 for number in range(2, 6)]
        assert await lines(logs, "other") == []
        found = await group(logs)
        assert found.size == 4 * size
        (stream,) = await logs.read(lambda connection: list_streams(connection, found.id))
        assert (stream.first, stream.size) == (2000, 4 * size)


async def test_events_beyond_their_groups_retention_go(tmp_path: Path) -> None:
    clock = Clock()
    async with archive(tmp_path, clock=clock) as logs:
        write(logs, GROUP, "s", clock.time - 2 * DAY, "old")
        write(logs, "other", "s", clock.time - 2 * DAY, "old")
        write(logs, GROUP, "s", clock.time, "new")
        found = await group(logs)
        await logs.write(lambda connection: set_retention(connection, found.id, 1))
        clock.time += 61
        write(logs, GROUP, "s", clock.time, "newer")
        assert await lines(logs) == ["new", "newer"]
        assert await lines(logs, "other") == ["old"]


async def test_a_stream_whose_events_are_all_gone_goes_a_day_later(tmp_path: Path) -> None:
    clock = Clock()
    async with archive(tmp_path, clock=clock) as logs:
        logs.opened(HERE, GROUP, "silent")
        write(logs, GROUP, "s", clock.time, "old")
        found = await group(logs)
        await logs.write(lambda connection: set_retention(connection, found.id, 1))

        async def streams_after(seconds: float) -> list[str]:
            clock.time += seconds
            write(logs, GROUP, "t", clock.time, "new")
            streams = await logs.read(lambda connection: list_streams(connection, found.id))
            return [stream.name for stream in streams]

        assert await streams_after(DAY / 2) == ["s", "silent", "t"]
        assert await streams_after(DAY) == ["silent", "t"]


async def test_deleting_leaves_nothing_of_a_stream_or_a_group(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        for stream in ("s", "t"):
            write(logs, GROUP, stream, 1.0, stream)
        found = await group(logs)
        streams = await logs.read(lambda connection: list_streams(connection, found.id))
        await logs.write(lambda connection: delete_stream(connection, streams[0].id))
        assert await lines(logs) == ["t"]
        assert (await group(logs)).size == 1 + EVENT_OVERHEAD
        await logs.write(lambda connection: delete_group(connection, found.id))
        assert await logs.read(lambda connection: list_groups(connection, HERE)) == []
        rest = await logs.read(
            lambda connection: connection.execute(
                "SELECT (SELECT count(*) FROM log_events), (SELECT count(*) FROM log_streams)"
            ).fetchone()
        )
        assert rest == (0, 0)


async def test_a_large_batch_is_put_aside_and_read_as_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.live.store.logs.archive._DELAY", 3600.0)
    async with archive(tmp_path) as logs:
        for number in range(FEW + 1):
            write(logs, GROUP, "st"[number % 2], number, f"é {number}")
        await logs.flush()
        assert not in_tables(tmp_path)
        assert await lines(logs) == [f"é {number}" for number in range(FEW + 1)]
        found = await group(logs)
        streams = await logs.read(lambda connection: list_streams(connection, found.id))
        assert [(one.name, one.first, one.last) for one in streams] == [
            ("s", 0, FEW * 1000),
            ("t", 1000, (FEW - 1) * 1000),
        ]
        assert found.size == sum(one.size for one in streams)


async def test_what_an_earlier_run_put_aside_comes_before_what_comes_now(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        for number in range(FEW + 1):
            write(logs, GROUP, "s", 1.0, f"{number}")
    async with archive(tmp_path) as logs:
        write(logs, GROUP, "s", 1.0, "last")
        assert await lines(logs) == [*(f"{number}" for number in range(FEW + 1)), "last"]


async def test_what_was_put_aside_goes_into_the_tables_without_a_reader(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        for number in range(FEW + 1):
            write(logs, GROUP, "s", 1.0, f"{number}")
        await logs.flush()
        async with asyncio.timeout(20):
            while len(in_tables(tmp_path)) <= FEW:  # noqa: ASYNC110  # nothing tells a test
                await asyncio.sleep(0.05)


async def test_the_oldest_go_also_of_what_was_put_aside(tmp_path: Path) -> None:
    async with archive(tmp_path, limit=FEW * (100 + EVENT_OVERHEAD)) as logs:
        write(logs, GROUP, "s", 0.0, "first")
        await logs.flush()
        for _ in range(2):
            for number in range(FEW + 1):
                write(logs, GROUP, "s", 1.0, f"{number:0100}")
            await logs.flush()
        for number in range(3):
            write(logs, GROUP, "s", 2.0, f"{number}")
        assert await lines(logs) == ["0", "1", "2"]
        assert (await group(logs)).size == 3 * (1 + EVENT_OVERHEAD)


async def test_half_a_surrogate_in_a_large_batch_comes_in_its_turn(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        for line in ("first", "a\ud800b"):
            for _ in range(FEW + 1):
                write(logs, GROUP, "s", 1.0, line)
            await logs.flush()
        assert await lines(logs) == ["first"] * (FEW + 1) + ["a?b"] * (FEW + 1)


async def test_half_a_surrogate_is_stored_as_what_can_be(tmp_path: Path) -> None:
    async with archive(tmp_path) as logs:
        name = StreamName(HERE, GROUP, "s")
        await logs.put([(name, NewEvent(1, "a\ud800b"))])
        assert await lines(logs) == ["a?b"]


@pytest.mark.parametrize("text", ["", "1", "x" * 56, "9" * 56, "٣" * 56])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no place"):
        Position.of(text)


def test_a_place_survives_its_digits() -> None:
    place = Position(1_700_000_000_123, 42)
    assert len(place.text) == 56
    assert Position.of(place.text) == place
