"""Keeps tables in an SQLite file: one thread writes, and what is written when a call returns lasts.

Owns transactions, durability and the versions of schemas. What the tables mean is their users'
matter. The file lies in the state directory, whose lock keeps a second emulator away.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from emulator.errors import SettingsError, StateVersionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

T = TypeVar("T")

_MOST_GROUPED = 256
"""Writes in one commit: bounds how long the first of them waits for the last."""
_BUSY_TIMEOUT = 5.0
"""Seconds that a statement waits for another program's lock, such as a user's sqlite3."""
_WAIT_UNTIL_ON_DISK = "FULL"
"""With WAL, SQLite waits for the disk at each commit in this mode alone, not in NORMAL."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Describes one set of tables, and how an earlier version of them becomes this one."""

    name: str
    """Name of the set, unique in a file."""
    version: int
    """Version that `statements` make, counted from 1."""
    statements: tuple[str, ...]
    """Statements that make the tables in an empty file."""
    migrations: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """By an earlier version: the statements that lead to the version after."""


class Database:
    """Opens a file and its schemas; use `write` and `read` from any event loop, then `close`.

    Concurrent writes share a commit, and so one wait for the disk. A write that fails takes back
    its own changes alone. A call that is cancelled before its turn changes nothing.

    Raises:
        StateVersionError: the tables were made by a later emulator, or no migration is known.
        SettingsError: the file cannot be opened, or is no database.
    """

    def __init__(self, path: Path, schemas: Iterable[Schema]) -> None:
        try:
            self._writer, self._reader = _opened(path, schemas)
        except sqlite3.Error as error:
            raise SettingsError(
                f"{path} cannot be used: {error}. Take it away, or name another --state-dir."
            ) from error
        self._waiting: SimpleQueue[_Write | None] = SimpleQueue()
        self._reads = ThreadPoolExecutor(1, thread_name_prefix=f"{path.name} reader")
        self._thread = threading.Thread(target=self._run, name=f"{path.name} writer", daemon=True)
        self._closed = False
        self._thread.start()

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work` in a transaction of its own and returns its result when that is on the disk.

        `work` runs in the writer's thread, and must neither commit nor wait.

        Raises:
            sqlite3.Error: the disk is full or broken; nothing was changed.
            RuntimeError: the database is closed.
        """
        self._check_open()
        write = _Write(work)
        self._waiting.put(write)
        result: T = await asyncio.wrap_future(write.done)
        return result

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work`, which sees every write that has returned, and may change nothing.

        Raises:
            sqlite3.Error: the file cannot be read, or `work` tried to write.
            RuntimeError: the database is closed.
        """
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._reads, work, self._reader)

    def close(self) -> None:
        """Finishes the writes that were asked for and closes the file; may be called twice."""
        if self._closed:
            return
        self._closed = True
        self._waiting.put(None)
        self._thread.join()
        self._reads.shutdown()
        self._reader.close()
        self._writer.close()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the state's database is closed, as the emulator is stopping")

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            writes, ended = self._group(first)
            _commit(self._writer, writes)
            if ended:
                return

    def _group(self, first: _Write) -> tuple[list[_Write], bool]:
        """Returns the writes that wait by now, and whether the end was asked for after them."""
        writes = [first]
        while len(writes) < _MOST_GROUPED:
            try:
                write = self._waiting.get_nowait()
            except Empty:
                break
            if write is None:
                return writes, True
            writes.append(write)
        return writes, False


class _Write:
    """Holds a write that waits for its turn, and then its result or error."""

    def __init__(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        self.done: Future[Any] = Future()
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        """Does the work; a failure takes back the work's own changes.

        Raises:
            sqlite3.Error: the failure ended the whole transaction, as a full disk does.
        """
        connection.execute("SAVEPOINT one")
        try:
            self._result = self._work(connection)
        except BaseException as error:  # its caller's, who waits in another thread
            if not connection.in_transaction:
                raise
            self._error = error
            connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")

    def tell(self) -> None:
        """Tells the caller what came of the work, which is on the disk."""
        if self._error is not None:
            self.done.set_exception(self._error)
        else:
            self.done.set_result(self._result)


def _commit(connection: sqlite3.Connection, writes: list[_Write]) -> None:
    """Does the work of all callers who still wait in one transaction, then tells them."""
    begun = [write for write in writes if write.done.set_running_or_notify_cancel()]
    try:
        connection.execute("BEGIN IMMEDIATE")
        for write in begun:
            write.run(connection)
        connection.execute("COMMIT")
    except BaseException as error:  # noqa: BLE001  # the callers', who wait in other threads
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for write in begun:
            write.done.set_exception(error)
        return
    for write in begun:
        write.tell()


def _opened(path: Path, schemas: Iterable[Schema]) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """Returns a connection that writes, and another that only reads."""
    writer = _connection(path)
    try:
        for schema in schemas:
            _bring_to_version(writer, schema, path)
        reader = _connection(path)
    except BaseException:
        writer.close()
        raise
    reader.execute("PRAGMA query_only=1")
    return writer, reader


def _connection(path: Path) -> sqlite3.Connection:
    # the threads take turns with each connection, so that SQLite need not check whose it is
    connection = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={_WAIT_UNTIL_ON_DISK}")
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_to_version(connection: sqlite3.Connection, schema: Schema, path: Path) -> None:
    """Makes a schema's tables, or migrates those of an earlier version, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _missing_statements(connection, schema, path):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO schemas VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET version = excluded.version",
            (schema.name, schema.version),
        )
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _missing_statements(
    connection: sqlite3.Connection, schema: Schema, path: Path
) -> tuple[str, ...]:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schemas (name TEXT PRIMARY KEY, version INTEGER NOT NULL)"
    )
    row = connection.execute(
        "SELECT version FROM schemas WHERE name = ?", (schema.name,)
    ).fetchone()
    if row is None:
        return schema.statements
    found: int = row[0]
    if found > schema.version:
        raise StateVersionError(
            f"{path} was written by a later version of the testbed ({schema.name} {found}; this "
            f"one knows {schema.version}). Install that one, or name another --state-dir."
        )
    steps = range(found, schema.version)
    if unknown := [step for step in steps if step not in schema.migrations]:
        raise StateVersionError(
            f"{path} was written by an earlier version of the testbed, whose {schema.name} "
            f"{unknown[0]} this one cannot read. Take it away, or name another --state-dir."
        )
    return tuple(statement for step in steps for statement in schema.migrations[step])
