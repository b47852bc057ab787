"""What is written lasts, writes share commits and nothing else, and versions are minded."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from emulator.errors import SettingsError, StateVersionError
from emulator.live.store.database import Database, Schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS = Schema("words", 1, ("CREATE TABLE words (word TEXT PRIMARY KEY)",))
LONGER = Schema(
    "words",
    2,
    ("CREATE TABLE words (word TEXT PRIMARY KEY, length INTEGER)",),
    {
        1: (
            "ALTER TABLE words ADD COLUMN length INTEGER",
            "UPDATE words SET length = length(word)",
        )
    },
)
BOUND = 20

pytestmark = pytest.mark.anyio


def add(word: str) -> Callable[[sqlite3.Connection], str]:
    def work(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO words (word) VALUES (?)", (word,))
        return word

    return work


def words(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT word FROM words ORDER BY word")]


async def test_read_sees_what_was_written(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "state.db", [WORDS])) as database:
        assert await database.write(add("one")) == "one"
        assert await database.read(words) == ["one"]


async def test_failed_write_takes_back_its_own_changes_alone(tmp_path: Path) -> None:
    def twice(connection: sqlite3.Connection) -> None:
        add("lost")(connection)
        add("lost")(connection)

    with closing(Database(tmp_path / "state.db", [WORDS])) as database:
        results = await asyncio.gather(
            database.write(add("before")),
            database.write(twice),
            database.write(add("after")),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [str, sqlite3.IntegrityError, str]
        assert await database.read(words) == ["after", "before"]


async def test_concurrent_writes_share_commits(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "state.db", [WORDS])) as database:
        commits = list[str]()
        database._writer.set_trace_callback(
            lambda statement: commits.append(statement) if statement == "COMMIT" else None
        )
        go_on = threading.Event()
        held = asyncio.ensure_future(database.write(lambda _: go_on.wait(BOUND)))
        writing = [asyncio.ensure_future(database.write(add(str(n)))) for n in range(200)]
        await asyncio.sleep(0)  # all of them wait for their turn
        go_on.set()
        await asyncio.gather(held, *writing)
        assert 0 < len(commits) < 20
        assert len(await database.read(words)) == 200


async def test_write_that_is_cancelled_before_its_turn_changes_nothing(tmp_path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        entered.set()
        assert go_on.wait(BOUND)

    with closing(Database(tmp_path / "state.db", [WORDS])) as database:
        first = asyncio.ensure_future(database.write(hold))
        assert await asyncio.to_thread(entered.wait, BOUND)
        second = asyncio.ensure_future(database.write(add("late")))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        go_on.set()
        await first
        assert await database.read(words) == []


async def test_reader_cannot_write(tmp_path: Path) -> None:
    with (
        closing(Database(tmp_path / "state.db", [WORDS])) as database,
        pytest.raises(sqlite3.OperationalError),
    ):
        await database.read(add("no"))


async def test_full_disk_is_told_to_every_caller_whose_write_is_lost(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "state.db", [WORDS])) as database:
        pages = database._writer.execute("PRAGMA page_count").fetchone()[0]
        database._writer.execute(f"PRAGMA max_page_count={pages + 2}")
        asked = [str(n) * 1000 for n in range(60)]
        results = await asyncio.gather(
            *(database.write(add(word)) for word in asked), return_exceptions=True
        )
        told = sorted(result for result in results if isinstance(result, str))
        assert len(told) < len(asked)
        assert await database.read(words) == told


def test_write_that_returned_outlives_a_kill(tmp_path: Path) -> None:
    program = f"""
import asyncio, os, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from tests.live.store.test_database import WORDS, add
from emulator.live.store.database import Database

async def main():
    database = Database(Path({str(tmp_path / "state.db")!r}), [WORDS])
    await asyncio.gather(*(database.write(add(str(n))) for n in range(50)))
    os.kill(os.getpid(), {int(signal.SIGKILL)})

asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        assert len(words(connection)) == 50


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "state.db", [WORDS])) as database:
        full = 2
        assert database._writer.execute("PRAGMA synchronous").fetchone()[0] == full
        assert database._writer.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


async def test_older_tables_are_migrated_with_their_rows(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "state.db", [WORDS])) as database:
        await database.write(add("three"))
    for _ in range(2):  # once migrated, nothing is done again
        with closing(Database(tmp_path / "state.db", [LONGER])) as database:
            rows = await database.read(lambda c: c.execute("SELECT * FROM words").fetchall())
            assert rows == [("three", 5)]


async def test_migration_that_fails_leaves_the_older_tables(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "state.db", [WORDS])) as database:
        await database.write(add("three"))
    broken = Schema("words", 2, (), {1: ("DROP TABLE words", "DROP TABLE there_is_none")})
    with pytest.raises(SettingsError, match="no such table: there_is_none"):
        Database(tmp_path / "state.db", [broken])
    with closing(Database(tmp_path / "state.db", [WORDS])) as database:
        assert await database.read(words) == ["three"]


def test_newer_tables_are_refused_with_a_sentence(tmp_path: Path) -> None:
    Database(tmp_path / "state.db", [LONGER]).close()
    with pytest.raises(StateVersionError, match="a later version of the testbed"):
        Database(tmp_path / "state.db", [WORDS])


def test_file_that_is_no_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("something else" * 1000)
    with pytest.raises(SettingsError, match="cannot be used: file is not a database"):
        Database(tmp_path / "state.db", [WORDS])


def test_tables_without_a_migration_are_refused_with_a_sentence(tmp_path: Path) -> None:
    Database(tmp_path / "state.db", [WORDS]).close()
    with pytest.raises(StateVersionError, match="whose words 1 this one cannot read"):
        Database(tmp_path / "state.db", [Schema("words", 2, ())])


async def test_schemas_share_a_file(tmp_path: Path) -> None:
    numbers = Schema("numbers", 3, ("CREATE TABLE numbers (number INTEGER)",))
    Database(tmp_path / "state.db", [WORDS]).close()
    with closing(Database(tmp_path / "state.db", [WORDS, numbers])) as database:
        rows = await database.read(
            lambda c: c.execute("SELECT * FROM schemas ORDER BY name").fetchall()
        )
        assert rows == [("numbers", 3), ("words", 1)]


async def test_closed_database_says_so_and_has_finished_its_writes(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db", [WORDS])
    writing = asyncio.ensure_future(database.write(add("last")))
    await asyncio.sleep(0)
    database.close()
    database.close()
    assert await writing == "last"
    with pytest.raises(RuntimeError, match="closed"):
        await database.write(add("no"))
