"""Serves GetLogEvents and FilterLogEvents.

Source of limits, tokens, bounds and orders: the API reference of CloudWatch Logs. GetLogEvents'
end is exclusive, FilterLogEvents' inclusive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from emulator.api.cloudwatch.logs.lookup import (
    existing_group,
    existing_stream,
    invalid,
    named_group,
)
from emulator.live.store.logs.events import Span, backward, forward, scan
from emulator.live.store.logs.groups import stream_names
from emulator.live.store.logs.position import AFTER_ALL, BEFORE_ALL, Position
from emulator.telemetry.filter_pattern.errors import FilterPatternError
from emulator.telemetry.filter_pattern.reader import filter_pattern
from emulator.telemetry.line_splitter import EVENT_OVERHEAD

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from emulator.api.services.calls import Call, Operation
    from emulator.live.store.logs.archive import LogArchive
    from emulator.live.store.logs.events import StoredEvent

_MOST_EVENTS = 10_000
_MOST_BYTES = 1 << 20
_MOST_SCANNED = 50_000
"""Events that one call looks at before it answers with what it has and a token."""
_FORWARD, _BACKWARD = "f/", "b/"


class ReadingOperations:
    """Reads events out of an archive."""

    def __init__(self, archive: LogArchive) -> None:
        self._archive = archive

    def operations(self) -> dict[str, Operation]:
        return {"GetLogEvents": self._get, "FilterLogEvents": self._filter}

    async def _get(self, call: Call) -> Mapping[str, Any]:
        given = call.arguments
        scope, name = named_group(call)
        start, end = given.get("startTime", 0), given.get("endTime", AFTER_ALL.at)
        limit = given.get("limit", _MOST_EVENTS)
        token = given.get("nextToken")
        goes_forward, place_in_stream = _direction(token, given.get("startFromHead", False))

        def work(connection: sqlite3.Connection) -> Sequence[StoredEvent]:
            group = existing_group(connection, scope, name)
            stream = existing_stream(connection, group.id, given["logStreamName"]).id
            if goes_forward:
                span = Span(start, end, after=place_in_stream)
                return _first_bytes(forward(connection, stream, span, limit))
            span = Span(start, end, before=place_in_stream)
            return _last_bytes(backward(connection, stream, span, limit))

        events = await self._archive.read(work)
        return {
            "events": [_output(event) for event in events],
            "nextForwardToken": _forward_token(events, place_in_stream, goes_forward, start),
            "nextBackwardToken": _backward_token(events, place_in_stream, goes_forward),
        }

    async def _filter(self, call: Call) -> Mapping[str, Any]:
        given = call.arguments
        scope, name = named_group(call)
        if given.get("logStreamNames") and given.get("logStreamNamePrefix"):
            invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
        search = _Search.of(given)

        def work(connection: sqlite3.Connection) -> _Found:
            group = existing_group(connection, scope, name).id
            names = stream_names(connection, group)
            events = scan(connection, group, search.span, descending=search.descending)
            return _found(events, names, search)

        found = await self._archive.read(work)
        return {
            "events": found.events,
            "searchedLogStreams": [],
            "nextToken": None if found.next is None else search.token(found.next),
        }


# GetLogEvents' tokens


def _direction(token: str | None, from_head: bool) -> tuple[bool, Position]:
    """Returns whether a page goes forward, and the place that it begins at."""
    if token is None:
        return from_head, BEFORE_ALL if from_head else AFTER_ALL
    try:
        place = Position.of(token[len(_FORWARD) :].removesuffix("/s"))
    except ValueError:
        place = None
    if place is None or not token.startswith((_FORWARD, _BACKWARD)):
        invalid("The specified nextToken is invalid.")
    return token.startswith(_FORWARD), place


def _forward_token(
    events: Sequence[StoredEvent], place: Position, goes_forward: bool, start: int
) -> str:
    """Returns the token of what comes after a page; after an empty one the page's own place."""
    after = events[-1].position if events else place
    if not events and not goes_forward:
        # a page before everything, or of an empty stream: what comes next begins at the start
        after = (
            Position(max(0, start - 1), AFTER_ALL.arrival)
            if place == AFTER_ALL
            else (Position(place.at, max(0, place.arrival - 1)))
        )
    return f"{_FORWARD}{after.text}/s"


def _backward_token(events: Sequence[StoredEvent], place: Position, goes_forward: bool) -> str:
    before = events[0].position if events else place
    if not events and goes_forward:
        before = Position(place.at, place.arrival + 1)
    return f"{_BACKWARD}{before.text}/s"


def _first_bytes(events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
    """Returns the first events that a page has room for; one at least."""
    room = _MOST_BYTES
    for count, event in enumerate(events):
        room -= _size(event)
        if room < 0 and count:
            return events[:count]
    return events


def _last_bytes(events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
    return _first_bytes(events[::-1])[::-1]


# FilterLogEvents


class _Search(NamedTuple):
    """Holds what a call searches for, and from where."""

    span: Span
    descending: bool
    limit: int
    matches: Callable[[str], bool]
    streams: frozenset[str]
    """Names of the streams that are wanted; empty for all."""
    prefix: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> _Search:
        """Reads a search out of a call's members.

        Raises:
            ServiceError: the pattern or the token cannot be read.
        """
        try:
            matches = filter_pattern(given.get("filterPattern", ""))
        except FilterPatternError as error:
            invalid(str(error))
        descending = not given.get("startFromHead", True)
        place = None
        if (token := given.get("nextToken")) is not None:
            goes_forward, place = _direction(token, from_head=True)
            descending = not goes_forward
        start, end = given.get("startTime", 0), given.get("endTime", AFTER_ALL.at - 1) + 1
        return cls(
            Span(
                start,
                end,
                after=place if place is not None and not descending else BEFORE_ALL,
                before=place if place is not None and descending else AFTER_ALL,
            ),
            descending,
            given.get("limit", _MOST_EVENTS),
            matches,
            frozenset(given.get("logStreamNames", ())),
            given.get("logStreamNamePrefix", ""),
        )

    def takes(self, stream: str) -> bool:
        """Returns whether a stream of this name is searched."""
        return stream.startswith(self.prefix) and (not self.streams or stream in self.streams)

    def token(self, last: Position) -> str:
        """Returns the token of what comes after the last event that was looked at."""
        return f"{_BACKWARD if self.descending else _FORWARD}{last.text}/s"


class _Found(NamedTuple):
    """Holds a page, and the last place that was looked at where the search is not over."""

    events: list[dict[str, Any]]
    next: Position | None


def _found(events: Iterable[StoredEvent], names: Mapping[int, str], search: _Search) -> _Found:
    wanted = {stream: name for stream, name in names.items() if search.takes(name)}
    page: list[dict[str, Any]] = []
    room, last = _MOST_BYTES, search.span.before if search.descending else search.span.after
    for scanned, event in enumerate(events):
        matches = event.stream in wanted and search.matches(event.message)
        room -= _size(event) if matches else 0
        is_full = len(page) == search.limit or (room < 0 and page)
        if scanned == _MOST_SCANNED or (matches and is_full):
            return _Found(page, last)
        if matches:
            page.append(_filtered(event, wanted[event.stream]))
        last = event.position
    return _Found(page, None)


def _size(event: StoredEvent) -> int:
    return len(event.message.encode()) + EVENT_OVERHEAD


def _output(event: StoredEvent) -> dict[str, Any]:
    return {
        "timestamp": event.position.at,
        "message": event.message,
        "ingestionTime": event.ingested,
    }


def _filtered(event: StoredEvent, stream: str) -> dict[str, Any]:
    return {"logStreamName": stream, "eventId": event.position.text, **_output(event)}
