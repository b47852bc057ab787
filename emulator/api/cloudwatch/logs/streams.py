"""Serves the operations on log streams.

Source of limits, sentences and orders: the API reference of CloudWatch Logs, and its service model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.api.cloudwatch.logs.lookup import (
    existing_group,
    existing_stream,
    group_arn,
    invalid,
    named_group,
    scope_of,
)
from emulator.api.services.calls import ServiceError
from emulator.live.store.logs.groups import create_stream, delete_stream, list_streams

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from emulator.api.services.calls import Call, Operation
    from emulator.core.function_names import Scope
    from emulator.live.store.logs.archive import LogArchive
    from emulator.live.store.logs.groups import LogStream

_PAGE = 50
_BY_NAME, _BY_LAST_EVENT = "LogStreamName", "LastEventTime"


class StreamOperations:
    """Serves log streams out of an archive."""

    def __init__(self, archive: LogArchive) -> None:
        self._archive = archive

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateLogStream": self._create,
            "DeleteLogStream": self._delete,
            "DescribeLogStreams": self._describe,
        }

    async def _create(self, call: Call) -> Mapping[str, Any]:
        given, scope, now = call.arguments, scope_of(call), self._archive.now()

        def work(connection: sqlite3.Connection) -> None:
            group = existing_group(connection, scope, given["logGroupName"])
            if not create_stream(connection, group.id, given["logStreamName"], now):
                sentence = "The specified log stream already exists"
                raise ServiceError("ResourceAlreadyExistsException", sentence)

        await self._archive.write(work)
        return {}

    async def _delete(self, call: Call) -> Mapping[str, Any]:
        given, scope = call.arguments, scope_of(call)

        def work(connection: sqlite3.Connection) -> None:
            group = existing_group(connection, scope, given["logGroupName"])
            stream = existing_stream(connection, group.id, given["logStreamName"])
            delete_stream(connection, stream.id)

        await self._archive.write(work)
        return {}

    async def _describe(self, call: Call) -> Mapping[str, Any]:
        given = call.arguments
        scope, name = named_group(call)
        prefix, order = given.get("logStreamNamePrefix", ""), given.get("orderBy", _BY_NAME)
        if prefix and order == _BY_LAST_EVENT:
            invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")

        def work(connection: sqlite3.Connection) -> list[LogStream]:
            return list_streams(connection, existing_group(connection, scope, name).id)

        found = [one for one in await self._archive.read(work) if one.name.startswith(prefix)]
        if order == _BY_LAST_EVENT:
            found.sort(key=lambda one: (one.last or 0, one.name))
        if given.get("descending", False):
            found.reverse()
        page, token = _page(found, given.get("nextToken"), given.get("limit", _PAGE))
        described = [_described(scope, name, stream) for stream in page]
        return {"logStreams": described, "nextToken": token}


def _page(
    streams: Sequence[LogStream], token: str | None, limit: int
) -> tuple[Sequence[LogStream], str | None]:
    """Returns the page after the stream that a token names, and the token of the next page."""
    start = 0
    if token is not None:
        names = [stream.name for stream in streams]
        if token not in names:
            invalid("The specified nextToken is invalid.")
        start = names.index(token) + 1
    page = streams[start : start + limit]
    return page, page[-1].name if start + limit < len(streams) else None


def _described(scope: Scope, group: str, stream: LogStream) -> dict[str, Any]:
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "firstEventTimestamp": stream.first,
        "lastEventTimestamp": stream.last,
        "lastIngestionTime": stream.ingested,
        "uploadSequenceToken": f"{stream.id:056d}",  # nothing asks for the right one any more
        "arn": f"{group_arn(scope, group)}:log-stream:{stream.name}",
        "storedBytes": 0,  # since 2019 AWS counts the bytes of groups alone
    }
