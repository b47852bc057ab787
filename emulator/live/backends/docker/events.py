"""Follows the engine's events: ends and out-of-memory kills of containers with one label."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.streams import JsonLines

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.streams import Exchange

log = logging.getLogger(__name__)

_PATIENCE = 5.0
"""Seconds without an engine after which its sandboxes count as lost: a restart takes about two."""
_RETRY = 0.25


class EngineWatch:
    """Follows the events until `close`, over any number of connections.

    `on_event` gets an event's action and attributes. `on_break` is called when they break off, and
    `on_return` is awaited when events flow
    again after that, as some were missed; `on_loss` is called once when the engine has not come
    back for a while.
    """

    def __init__(
        self,
        engine: DockerEngine,
        label: str,
        on_event: Callable[[str, Mapping[str, str]], None],
        *,
        on_break: Callable[[], None],
        on_return: Callable[[], Awaitable[None]],
        on_loss: Callable[[], None],
    ) -> None:
        self._engine = engine
        filters = {"type": ["container"], "event": ["die", "oom"], "label": [label]}
        self._query = {"filters": json.dumps(filters)}
        self._on_event = on_event
        self._on_break = on_break
        self._on_return = on_return
        self._on_loss = on_loss
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Returns when events flow.

        Raises:
            EngineError
        """
        self._exchange = await self._subscribe()
        self._task = self._engine.spawn(self._follow(self._exchange))

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._exchange is not None:  # a task that never ran closes nothing
            self._exchange.close()

    async def _subscribe(self) -> Exchange:
        lines = JsonLines()

        def feed(piece: bytes) -> None:
            for event in lines.feed(piece):
                self._on_event(event["Action"], event["Actor"]["Attributes"])

        return await self._engine.exchange("GET /events", self._query, feed)

    async def _follow(self, exchange: Exchange) -> None:
        while True:
            await exchange.ended
            exchange.close()
            self._on_break()
            log.warning(
                "The events of the engine at %s broke off; connecting again.", self._engine.address
            )
            self._exchange = exchange = await self._subscribe_again()
            try:
                await self._on_return()
            except EngineError as error:
                log.warning("Which sandboxes ended in the meantime is unknown: %s", error)

    async def _subscribe_again(self) -> Exchange:
        now = asyncio.get_running_loop().time
        lost_at, told = now(), False
        while True:
            try:
                return await self._subscribe()
            except EngineError as error:
                if not told and now() - lost_at > _PATIENCE:
                    told = True
                    log.error("Its sandboxes are given up: %s", error)  # noqa: TRY400  # no defect
                    self._on_loss()
            await asyncio.sleep(_RETRY)
