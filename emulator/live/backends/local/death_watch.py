"""Tells at once when a process that is nobody's child here has ended, without polling."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable


class DeathWatch:
    """Calls `died` in the loop whenever a watched process has ended.

    Watches nothing on machines without pidfd (Linux before 5.3, macOS).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, died: Callable[[], None]) -> None:
        self._loop = loop
        self._died = died
        self._descriptors: dict[int, int] = {}

    def watch(self, pids: Iterable[int]) -> None:
        """Watches processes of this machine; a process that is watched already stays so."""
        for pid in pids:
            if pid not in self._descriptors:
                with suppress(AttributeError, OSError):
                    self._descriptors[pid] = os.pidfd_open(pid)
                    self._loop.add_reader(self._descriptors[pid], self._ended, pid)

    def close(self) -> None:
        """Watches nothing any more."""
        for pid in tuple(self._descriptors):
            self._forget(pid)

    def _ended(self, pid: int) -> None:
        self._forget(pid)
        self._died()

    def _forget(self, pid: int) -> None:
        descriptor = self._descriptors.pop(pid)
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
