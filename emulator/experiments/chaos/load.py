"""Keeps some clients asking while things break, and sorts every answer.

Each request has a token of its own, and a right answer has that token: an answer to somebody else
cannot be taken for one.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANSWER_WITHIN = 40.0
"""Seconds after which a request counts as hung: the longest timeout of a function is 10, and
whatever fails before that must be answered sooner."""
RIGHT = "right"
WRONG = "wrong answer"
HUNG = "hung"
_PAUSE = 0.02
"""Seconds that a client waits where the gateway takes no connection."""


@dataclass
class Answers:
    """Counts answers by kind: `right`, `wrong answer`, `hung`, a status, a connection's fault."""

    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        return self.kinds.total()

    def __getitem__(self, kind: str) -> int:
        return self.kinds[kind]


class Client:
    """Invokes functions of an emulator, each time with a token of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._tokens = itertools.count(1)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._http = httpx.AsyncClient(base_url=url, limits=limits)

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, function: str, *, within: float = ANSWER_WITHIN, **event: Any) -> str:
        """Returns the kind of the answer; see `Answers`. Bounded, never raises.

        An answer that takes longer than `within` seconds counts as hung.
        """
        token = f"{function}-{next(self._tokens)}"
        path = f"/2015-03-31/functions/{function}/invocations"
        try:
            answer = await self._http.post(
                path,
                content=json.dumps({**event, "token": token}),
                timeout=httpx.Timeout(within, connect=5),
            )
        except httpx.ConnectError:
            return "no connection"
        except httpx.ReadTimeout:
            return HUNG
        except httpx.HTTPError as error:
            return f"connection lost ({type(error).__name__})"
        return _kind(answer, token)


def _kind(answer: httpx.Response, token: str) -> str:
    if answer.status_code != httpx.codes.OK:
        return f"{answer.status_code} {answer.headers.get('x-amzn-errortype', '')}".strip()
    try:
        body = answer.json()
    except ValueError:
        return WRONG
    if "x-amz-function-error" in answer.headers:
        named = body.get("errorType", "") if isinstance(body, dict) else ""
        return f"function error {named}".strip()
    return RIGHT if body == {"token": token} else WRONG


@asynccontextmanager
async def load(client: Client, function: str, clients: int) -> AsyncIterator[Answers]:
    """Keeps `clients` clients asking, one request after the other, inside the context.

    At its end every request that is open is waited for; each has its own bound.
    """
    answers = Answers()
    over = asyncio.Event()

    async def one() -> None:
        while not over.is_set():
            kind = await client.ask(function)
            answers.kinds[kind] += 1
            if kind == "no connection":
                await asyncio.sleep(_PAUSE)

    tasks = [asyncio.create_task(one()) for _ in range(clients)]
    try:
        yield answers
    finally:
        over.set()
        await asyncio.gather(*tasks)


async def seconds_until_service(client: Client, function: str, within: float) -> float | None:
    """Returns after how many seconds the first of five right answers in a row began to come.

    None where that did not happen within the time.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    row, first = 0, 0.0
    while loop.time() - begun < within:
        right = await client.ask(function) == RIGHT
        if right and row == 0:
            first = loop.time() - begun
        row = row + 1 if right else 0
        if row == 5:  # noqa: PLR2004
            return first
        if not right:
            await asyncio.sleep(_PAUSE)
    return None
