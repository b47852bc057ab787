"""Serves StartLiveTail: what is logged, as it comes, in an update every second.

Source: the API reference of CloudWatch Logs. What comes while an update is on its way is in the
next one; beyond 500 events in a second the newest 500 are told, and the update says so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from emulator.api.cloudwatch.logs.lookup import existing_group, group_arn, identified, invalid
from emulator.api.services.streamed import StreamedEvent
from emulator.live.store.logs.follower import Follower
from emulator.telemetry.filter_pattern.errors import FilterPatternError
from emulator.telemetry.filter_pattern.reader import filter_pattern

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Mapping

    from emulator.api.services.calls import Call, Operation
    from emulator.live.store.logs.archive import LogArchive
    from emulator.live.store.logs.follower import Followed

_EVERY = 1.0
"""Seconds between two updates."""
_MOST = 500
"""Events of an update."""
_LONGEST = 3 * 3600
"""Seconds after which a session ends."""


class TailOperations:
    """Streams the events of groups out of an archive."""

    def __init__(self, archive: LogArchive) -> None:
        self._archive = archive

    def operations(self) -> dict[str, Operation]:
        return {"StartLiveTail": self._start}

    async def _start(self, call: Call) -> Mapping[str, Any]:
        given = call.arguments
        groups = [identified(call, one) for one in given["logGroupIdentifiers"]]

        def work(connection: sqlite3.Connection) -> None:
            for group in groups:
                existing_group(connection, *group)

        await self._archive.read(work)
        try:
            matches = filter_pattern(given.get("logEventFilterPattern", ""))
        except FilterPatternError as error:
            invalid(str(error))
        names = frozenset(given.get("logStreamNames", ()))
        prefixes = tuple(given.get("logStreamNamePrefixes", ()))
        if (names or prefixes) and len(groups) > 1:
            invalid("Log streams can be named for a session of one log group alone.")

        def takes(stream: str) -> bool:
            return not (names or prefixes) or stream in names or stream.startswith(prefixes or "\0")

        follower = Follower(self._archive, groups, matches, takes)
        await follower.start()
        return {"responseStream": _session(call, follower)}


async def _session(call: Call, follower: Follower) -> AsyncIterator[StreamedEvent]:
    given = call.arguments
    yield StreamedEvent(
        "sessionStart",
        {
            "requestId": call.request_id,
            "sessionId": call.request_id,
            "logGroupIdentifiers": given["logGroupIdentifiers"],
            "logStreamNames": given.get("logStreamNames", []),
            "logStreamNamePrefixes": given.get("logStreamNamePrefixes", []),
            "logEventFilterPattern": given.get("logEventFilterPattern", ""),
        },
    )
    loop = asyncio.get_running_loop()
    end = loop.time() + _LONGEST
    while loop.time() < end:
        await asyncio.sleep(_EVERY)
        found = await follower.take()
        update = {
            "sessionMetadata": {"sampled": len(found) > _MOST},
            "sessionResults": [_result(one) for one in found[-_MOST:]],
        }
        yield StreamedEvent("sessionUpdate", update)
    sentence = {"message": "The session has timed out."}
    yield StreamedEvent("SessionTimeoutException", sentence, is_error=True)


def _result(followed: Followed) -> dict[str, Any]:
    name, event = followed
    return {
        "logStreamName": name.stream,
        "logGroupIdentifier": group_arn(name.scope, name.group),
        "message": event.message,
        "timestamp": event.position.at,
        "ingestionTime": event.ingested,
    }
