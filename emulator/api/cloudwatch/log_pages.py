"""Serves a function's log as text, for `testbed logs`: the newest lines, and those that follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fastapi import HTTPException
from fastapi.responses import PlainTextResponse, StreamingResponse

from emulator.core.version_key import VersionKey
from emulator.live.store.logs.events import Span, scan
from emulator.live.store.logs.follower import Follower
from emulator.live.store.logs.groups import find_group
from emulator.telemetry.filter_pattern.errors import FilterPatternError
from emulator.telemetry.filter_pattern.reader import filter_pattern
from emulator.telemetry.log_store import group_name

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable

    from fastapi import Response

    from emulator.core.function_names import Scope
    from emulator.live.cloudwatch import CloudWatch
    from emulator.live.engine import Engine

_MOST_SCANNED = 200_000
"""Events that are looked at for the newest that match."""


class Wanted(NamedTuple):
    """Says which lines a reader wants."""

    limit: int
    """How many of the newest lines."""
    pattern: str
    """A filter pattern of CloudWatch Logs; empty for all lines."""


async def log_lines(engine: Engine, watch: CloudWatch, function: str, wanted: Wanted) -> Response:
    """Returns a function's newest lines.

    Raises:
        HTTPException: the pattern is none, or there is no such function and no log of one.
    """
    newest, _ = await _begun(engine, watch, function, wanted)
    return PlainTextResponse(_text(newest))


async def following_lines(
    engine: Engine, watch: CloudWatch, function: str, wanted: Wanted
) -> Response:
    """Returns a function's newest lines, and all that are to come: the answer does not end.

    Raises:
        HTTPException: the pattern is none, or there is no such function and no log of one.
    """
    newest, follower = await _begun(engine, watch, function, wanted)
    return StreamingResponse(_followed(newest, follower), media_type="text/plain")


async def _begun(
    engine: Engine, watch: CloudWatch, function: str, wanted: Wanted
) -> tuple[list[str], Follower]:
    """Returns the newest lines, and who knows of those to come."""
    try:
        matches = filter_pattern(wanted.pattern)
    except FilterPatternError as error:
        raise HTTPException(400, f"{error}.") from error
    configuration = engine.functions.get(VersionKey.of(function))
    name = group_name(function) if configuration is None else configuration.log_group
    group = (watch.home, name)
    follower = Follower(watch.logs, [group], matches)
    last = await follower.start()
    newest = await watch.logs.read(lambda c: _newest(c, group, wanted.limit, matches, last))
    if newest is None and configuration is None:
        raise HTTPException(
            404, f"No function is called {function}, and none of that name has a log."
        )
    return newest or [], follower


def _newest(
    connection: sqlite3.Connection,
    group: tuple[Scope, str],
    limit: int,
    matches: Callable[[str], bool],
    last: int,
) -> list[str] | None:
    """Returns the newest messages that match, oldest first; None where there is no such group.

    None of them came after the `last` arrival.
    """
    found = find_group(connection, *group)
    if found is None:
        return None
    chosen: list[str] = []
    for scanned, event in enumerate(scan(connection, found.id, Span(), descending=True)):
        if len(chosen) == limit or scanned == _MOST_SCANNED:
            break
        if event.position.arrival <= last and matches(event.message):
            chosen.append(event.message)
    return chosen[::-1]


async def _followed(newest: list[str], follower: Follower) -> AsyncIterator[str]:
    yield _text(newest)
    while True:
        yield _text([one.event.message for one in await follower.wait()])


def _text(messages: list[str]) -> str:
    return "".join(f"{message}\n" for message in messages)
