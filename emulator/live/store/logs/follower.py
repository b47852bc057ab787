"""Follows log groups: what came since one looked last, with the names of streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from emulator.live.store.logs.events import StreamName, arrivals, last_arrival
from emulator.live.store.logs.groups import find_group, stream_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from emulator.core.function_names import Scope
    from emulator.live.store.logs.archive import LogArchive
    from emulator.live.store.logs.events import StoredEvent

_MOST = 5000
"""Events of a group that are looked at at once."""


class Followed(NamedTuple):
    """Holds an event and the stream that has it."""

    name: StreamName
    event: StoredEvent


class Follower:
    """Knows how far some groups were read; a group may come to be later.

    `matches` says which messages are wanted, `takes` which streams by their names.
    """

    def __init__(
        self,
        archive: LogArchive,
        groups: Iterable[tuple[Scope, str]],
        matches: Callable[[str], bool],
        takes: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._archive = archive
        self._groups = tuple(groups)
        self._matches = matches
        self._takes = takes
        self._after = 0

    async def start(self) -> int:
        """Passes over all that is there by now, and returns the newest arrival among that."""
        self._after = await self._archive.read(last_arrival)
        return self._after

    async def take(self) -> list[Followed]:
        """Returns what came since the last call, in the order of arrival."""

        def work(connection: sqlite3.Connection) -> tuple[list[Followed], int]:
            newest = last_arrival(connection)
            return [one for group in self._groups for one in self._of(connection, *group)], newest

        found, newest = await self._archive.read(work)
        self._after = max(self._after, newest)
        return sorted(found, key=lambda one: one.event.position.arrival)

    async def wait(self) -> list[Followed]:
        """Returns what came since the last call, as soon as something has."""
        while True:
            news = self._archive.news()
            if found := await self.take():
                return found
            await news.wait()

    def _of(self, connection: sqlite3.Connection, scope: Scope, name: str) -> list[Followed]:
        group = find_group(connection, scope, name)
        if group is None:
            return []
        names = stream_names(connection, group.id)
        events = arrivals(connection, group.id, self._after, _MOST)
        return [
            Followed(StreamName(scope, name, names[event.stream]), event)
            for event in events
            if self._takes(names[event.stream]) and self._matches(event.message)
        ]
