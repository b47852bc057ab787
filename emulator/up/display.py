"""Tells a user what `testbed up` does, in plain lines or as its caller likes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


_BYTES_OF_A_DOWNLOAD = ": Progress "
"""Marks pip's lines of a running download, which are for bars only: four of them a second."""


class Display(Protocol):
    """Shows the user how functions come to be served, and every deviation from Lambda."""

    def say(self, line: str) -> None:
        """Shows a line that stays."""

    def deploying(self, name: str, memory_mb: int) -> AbstractContextManager[Callable[[str], None]]:
        """Shows the deployment of a function; yields a callback for the lines of its progress."""


class LineDisplay:
    """Prints every line, for a log or a pipe."""

    def say(self, line: str) -> None:
        print(line, flush=True)

    @contextlib.contextmanager
    def deploying(self, name: str, memory_mb: int) -> Iterator[Callable[[str], None]]:
        self.say(f"Deploying {name} ({memory_mb} MB) …")
        yield lambda line: None if _BYTES_OF_A_DOWNLOAD in line else self.say(line)
