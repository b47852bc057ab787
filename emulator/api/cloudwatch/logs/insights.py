"""Serves Logs Insights: a query is run when it is started, and its results are kept for a while.

Source: the API reference of CloudWatch Logs. A query reads the newest events of its time, up to
`_MOST_EVENTS`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from emulator.api.cloudwatch.logs.lookup import existing_group, identified, invalid
from emulator.api.services.calls import ServiceError
from emulator.live.store.logs.events import Span, by_arrival, scan
from emulator.live.store.logs.groups import stream_names
from emulator.live.store.logs.position import Position
from emulator.telemetry.insights.query import read
from emulator.telemetry.insights.row import Row
from emulator.telemetry.insights.words import QueryError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

    from emulator.api.services.calls import Call, Operation
    from emulator.core.function_names import Scope
    from emulator.live.store.logs.archive import LogArchive
    from emulator.live.store.logs.events import StoredEvent
    from emulator.telemetry.insights.query import Query

_MOST_EVENTS = 200_000
_MOST_ROWS = 10_000
_KEPT = 100
"""Queries whose results are kept."""
_LANGUAGE = "CWLI"
_SECONDS_BEFORE = 10**11
"""A time below is in seconds, one above in milliseconds."""

Groups = list[tuple["Scope", str]]


@dataclass(frozen=True, slots=True)
class _Ran:
    """Holds a query that was run."""

    text: str
    group: str
    created: int
    results: list[list[tuple[str, str]]]
    matched: int
    scanned: int
    size: int


class InsightsOperations:
    """Runs queries over an archive."""

    def __init__(self, archive: LogArchive) -> None:
        self._archive = archive
        self._ran: dict[str, _Ran] = {}
        """By id, the oldest first."""

    def operations(self) -> dict[str, Operation]:
        return {
            "StartQuery": self._start,
            "GetQueryResults": self._results,
            "StopQuery": self._stop,
            "DescribeQueries": self._describe,
            "GetLogRecord": self._record,
        }

    async def _start(self, call: Call) -> Mapping[str, Any]:
        given = call.arguments
        if (language := given.get("queryLanguage", _LANGUAGE)) != _LANGUAGE:
            raise ServiceError("NotImplementedException", f"Queries in {language}.", 501)
        groups = _groups(call)
        try:
            query = read(given["queryString"])
        except QueryError as error:
            raise ServiceError("MalformedQueryException", f"{error}.") from error
        span = Span(_ms(given["startTime"]), _ms(given["endTime"]) + 1)
        limit = min(given.get("limit", _MOST_ROWS), _MOST_ROWS)
        ran = await self._archive.read(
            lambda connection: _run(connection, groups, query, span, limit)
        )
        query_id = str(uuid.uuid4())
        self._ran[query_id] = _Ran(given["queryString"], groups[0][1], self._archive.now(), *ran)
        if len(self._ran) > _KEPT:
            del self._ran[next(iter(self._ran))]
        return {"queryId": query_id}

    async def _results(self, call: Call) -> Mapping[str, Any]:
        ran = self._find(call)
        return {
            "queryLanguage": _LANGUAGE,
            "results": [
                [{"field": name, "value": value} for name, value in row] for row in ran.results
            ],
            "statistics": {
                "recordsMatched": float(ran.matched),
                "recordsScanned": float(ran.scanned),
                "bytesScanned": float(ran.size),
            },
            "status": "Complete",
        }

    async def _stop(self, call: Call) -> Mapping[str, Any]:
        self._find(call)
        return invalid("Query is not in a state that allows cancellation.")

    async def _describe(self, call: Call) -> Mapping[str, Any]:
        given = call.arguments
        queries = [
            {
                "queryLanguage": _LANGUAGE,
                "queryId": query_id,
                "queryString": ran.text,
                "status": "Complete",
                "createTime": ran.created,
                "logGroupName": ran.group,
            }
            for query_id, ran in reversed(self._ran.items())
            if given.get("logGroupName") in (None, ran.group)
            and given.get("status") in (None, "Complete")
        ]
        return {"queries": queries[: given.get("maxResults", _KEPT)]}

    async def _record(self, call: Call) -> Mapping[str, Any]:
        try:
            place = Position.of(call.arguments["logRecordPointer"])
        except ValueError:
            invalid("The specified log record pointer is invalid.")
        event = await self._archive.read(lambda connection: by_arrival(connection, place.arrival))
        if event is None:
            raise ServiceError("ResourceNotFoundException", "The log record does not exist.")
        return {
            "logRecord": {
                "@timestamp": str(event.position.at),
                "@message": event.message,
                "@ingestionTime": str(event.ingested),
                "@ptr": event.position.text,
            }
        }

    def _find(self, call: Call) -> _Ran:
        ran = self._ran.get(call.arguments["queryId"])
        if ran is None:
            raise ServiceError("ResourceNotFoundException", "The specified query does not exist.")
        return ran


def _groups(call: Call) -> Groups:
    """Returns the groups of a query, which one of three members names."""
    given = call.arguments
    stated = [
        *([given["logGroupName"]] if "logGroupName" in given else []),
        *given.get("logGroupNames", ()),
        *given.get("logGroupIdentifiers", ()),
    ]
    if not stated:
        invalid("At least one log group must be named.")
    return [identified(call, one) for one in stated]


def _run(
    connection: sqlite3.Connection, groups: Groups, query: Query, span: Span, limit: int
) -> tuple[list[list[tuple[str, str]]], int, int, int]:
    rows: list[Row] = []
    for scope, name in groups:
        group = existing_group(connection, scope, name).id
        names = stream_names(connection, group)
        events = scan(connection, group, span, descending=True)
        log = f"{scope.account}:{name}"
        rows += _rows(islice(events, _MOST_EVENTS - len(rows)), names, log)
    if len(groups) > 1:
        rows.sort(key=lambda row: row.at, reverse=True)
    size = sum(len(row.message) for row in rows)
    matched = query.matched(rows)
    count = len(matched)
    return query.shown_rows(matched, limit), count, len(rows), size


def _rows(events: Iterator[StoredEvent], names: Mapping[int, str], log: str) -> Sequence[Row]:
    return [
        Row(
            event.position.at,
            event.ingested,
            event.message,
            names[event.stream],
            log,
            event.position.text,
        )
        for event in events
    ]


def _ms(stated: int) -> int:
    return stated * 1000 if stated < _SECONDS_BEFORE else stated
