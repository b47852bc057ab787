"""Keeps how far each mapping has come in each shard, in the state's database."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from emulator.live.store.database import Schema

if TYPE_CHECKING:
    import sqlite3

    from emulator.live.store.database import Database

POSITIONS = Schema(
    "stream-positions",
    version=1,
    statements=(
        """CREATE TABLE stream_positions (
            mapping TEXT, shard TEXT, sequence TEXT NOT NULL, ended INTEGER NOT NULL,
            PRIMARY KEY (mapping, shard)
        ) WITHOUT ROWID""",
    ),
)


@dataclass(frozen=True, slots=True)
class Position:
    """Holds how far a shard is done."""

    sequence: str = ""
    """Sequence number of the last record that is done; empty: none."""
    ended: bool = False
    """Whether every record of a shard that takes no more is done."""


class Positions:
    """Finds and keeps positions."""

    def __init__(self, database: Database) -> None:
        """Takes a database that was opened with `POSITIONS`."""
        self._database = database

    async def of(self, mapping: str) -> dict[str, Position]:
        """Returns the positions of a mapping, by shard."""
        return await self._database.read(partial(_of, mapping=mapping))

    async def save(self, mapping: str, shard: str, position: Position) -> None:
        """Keeps a position; it lasts when this returns."""
        await self._database.write(partial(_save, row=(mapping, shard, *_columns(position))))

    async def forget(self, mapping: str) -> None:
        """Takes away all positions of a mapping."""
        await self._database.write(partial(_forget, mapping=mapping))


def _columns(position: Position) -> tuple[str, int]:
    return position.sequence, int(position.ended)


def _of(connection: sqlite3.Connection, mapping: str) -> dict[str, Position]:
    rows = connection.execute(
        "SELECT shard, sequence, ended FROM stream_positions WHERE mapping = ?", (mapping,)
    )
    return {shard: Position(sequence, bool(ended)) for shard, sequence, ended in rows}


def _save(connection: sqlite3.Connection, row: tuple[str, str, str, int]) -> None:
    connection.execute("REPLACE INTO stream_positions VALUES (?, ?, ?, ?)", row)


def _forget(connection: sqlite3.Connection, mapping: str) -> None:
    connection.execute("DELETE FROM stream_positions WHERE mapping = ?", (mapping,))
