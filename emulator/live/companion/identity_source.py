"""Asks the companion who its users, roles and sessions are, and tells it of functions' sessions.

An answer is kept for a moment, and no longer than until the next call that may change it. Knows
nothing of what the answer means.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from emulator.errors import CompanionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from emulator.live.companion.process import Companion
    from emulator.live.companion.sessions import Sessions

_KEPT = 1.0
"""Seconds for which an answer is believed."""
_LIMIT = 10.0
"""Seconds that the companion may take to answer."""


class IdentitySource:
    """Asks the companion for users, roles and sessions, and tells it of those of functions.

    For one event loop; `close` ends the connections. The companion stays its owner's.
    """

    def __init__(self, companion: Companion, sessions: Sessions, *, kept: float = _KEPT) -> None:
        self._companion = companion
        self._sessions = sessions
        self._kept = kept
        self._http: httpx.AsyncClient | None = None
        self._answer: dict[str, Any] = {}
        self._good_until = 0.0
        self._changes = 0
        """Number of calls under way that may change what is told."""
        self._asking = asyncio.Lock()
        self._introduced: set[tuple[int | None, str]] = set()

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Believes no answer while a call that may change them is under way.

        Its client may go on before the call has ended here, and must meet what was changed.
        """
        self._changes += 1
        try:
            yield
        finally:
            self._changes -= 1
            self._good_until = 0.0

    async def identities(self) -> dict[str, Any]:
        """Returns what `identities.identities` tells, at most a second old.

        Raises:
            CompanionError: the companion does not start, or does not answer.
        """
        loop = asyncio.get_running_loop()
        async with self._asking:
            if self._changes or loop.time() >= self._good_until:
                # what changes while the answer comes must not be believed old for another second
                self._good_until = loop.time() + self._kept
                try:
                    self._answer = (await self._ask("GET", "/identities")).json()
                except BaseException:
                    self._good_until = 0.0
                    raise
            return self._answer

    async def introduce(self, access_key: str) -> None:
        """Tells the companion of a function's session, once; other keys it knows itself.

        Raises:
            CompanionError: the companion does not start, or does not answer.
        """
        session = self._sessions.find(access_key)
        if session is None:
            return
        await self._companion.url()
        # a companion that was started anew knows nobody
        mark = (self._companion.pid, access_key)
        if mark in self._introduced:
            return
        await self._ask("POST", "/sessions", session.described)
        self._introduced.add(mark)

    async def _ask(
        self, method: str, path: str, value: dict[str, Any] | None = None
    ) -> httpx.Response:
        from httpx import AsyncClient, HTTPError  # noqa: PLC0415  # takes long; few ask

        url = await self._companion.url() + path
        if self._http is None:
            self._http = AsyncClient(timeout=_LIMIT, trust_env=False)
        try:
            answer = await self._http.request(
                method, url, json=value, headers=self._companion.internal_headers
            )
            answer.raise_for_status()
        except HTTPError as error:
            raise CompanionError(f"The AWS companion does not tell its users: {error}") from error
        return answer
