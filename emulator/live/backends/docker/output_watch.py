"""Knows that a sandbox has written something before the engine has passed the output on.

What a container writes comes here by way of the engine, often later than the runtime's answer, so
that an invocation's last output has to be asked for. Asking costs about as much as a line does.
The kernel tells of a write to a pipe while the write happens, so a sandbox that wrote nothing is
not asked, and one that wrote after a thousand silent invocations is.

Needs to see the container's processes: the engine's own machine, and rights over them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.host.inotify import GONE, MODIFIED, ONCE, OVERFLOWN, Inotify

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger(__name__)

_STREAMS = (1, 2)


class OutputWatch:
    """Watches what any number of containers write."""

    def __init__(self) -> None:
        self._inotify: Inotify | None = None
        self._watched: dict[int, WrittenOutput] = {}

    def open(self) -> None:
        """Begins to watch; raises OSError where the kernel gives no watcher."""
        self._inotify = Inotify()

    def close(self) -> None:
        """Ends every watch; can be repeated."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def of(self, pids: Iterable[int]) -> WrittenOutput | None:
        """Returns the output of the container with these processes; None where none is seen."""
        first = next((pid for pid in pids if _is_first(pid)), None)
        if self._inotify is None or first is None:
            return None
        written = WrittenOutput(self, [f"/proc/{first}/fd/{stream}" for stream in _STREAMS])
        if written.forget():
            return written
        written.close()  # one of its streams may be watched
        return None

    def arm(self, paths: Iterable[str], written: WrittenOutput) -> bool:
        """Waits for the next write to each pipe; False where a pipe cannot be watched."""
        if self._inotify is None:
            return False
        try:
            for path in paths:
                self._watched[self._inotify.add(path, MODIFIED | ONCE)] = written
        except OSError as error:
            log.debug("Output at %s cannot be watched: %s", path, error)
            return False
        return True

    def disarm(self, written: WrittenOutput) -> None:
        """Ends the watches of a container's output, which else keep its pipes in the kernel."""
        for number in [one for one, watched in self._watched.items() if watched is written]:
            del self._watched[number]
            if self._inotify is not None:
                self._inotify.remove(number)

    def read(self) -> None:
        """Marks each output that something was written to since the last call."""
        for number, mask in self._inotify.read() if self._inotify is not None else ():
            if mask & OVERFLOWN:
                for written in self._watched.values():
                    written.anything = True
            elif number in self._watched:
                self._watched[number].anything |= bool(mask & MODIFIED)
                if mask & GONE:
                    del self._watched[number]


class WrittenOutput:
    """Says of one container whether something was written since it was last forgotten."""

    def __init__(self, watch: OutputWatch, paths: list[str]) -> None:
        self.anything = False
        self._watch = watch
        self._paths = paths

    def look(self) -> bool:
        """Returns whether something was written; what a process is just writing counts."""
        if not self.anything:
            self._watch.read()
        return self.anything

    def forget(self) -> bool:
        """Takes all that was written as known; False where it cannot be watched any longer."""
        self._watch.read()
        self.anything = False
        return self._watch.arm(self._paths, self)

    def close(self) -> None:
        """Ends the watch."""
        self._watch.disarm(self)


def _is_first(pid: int) -> bool:
    """Returns whether a process is the first one of a process namespace."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    ids = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(ids) > 1 and ids[-1] == "1"
