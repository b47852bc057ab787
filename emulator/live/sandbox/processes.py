"""Keeps account of a sandbox's running processes: its runtime and its external extensions."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Processes:
    """Counts the processes that were started and have not ended, by name."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        """Names of the processes that run, as far as this is known."""
        self._begun: set[str] = set()
        self._awaited: set[str] = set()
        self._all_ended = asyncio.Event()

    def begin(self, name: str) -> bool:
        """Counts a process as running; returns False where it was started since the last reset."""
        if name in self._begun:
            return False
        self._begun.add(name)
        self.running.add(name)
        return True

    def end(self, name: str) -> None:
        """Counts a process as ended."""
        self.running.discard(name)
        self._awaited.discard(name)
        if not self._awaited:
            self._all_ended.set()

    def end_all(self) -> None:
        """Ends the waiting for all of them: the sandbox itself has ended."""
        self._all_ended.set()

    def clear(self) -> None:
        """Forgets every process: all were killed, and each may be started again."""
        self.running.clear()
        self._begun.clear()

    async def ended(self, names: Iterable[str], timeout: float) -> None:  # noqa: ASYNC109
        """Waits for these processes' ends, for `timeout` of the machine's seconds at most."""
        self._awaited = self.running & set(names)
        self._all_ended.clear()
        if self._awaited:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._all_ended.wait()
