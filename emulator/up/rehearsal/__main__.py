"""Rehearses from the command line, and prints one line of JSON, a `Rehearsed`.

    python -m emulator.up.rehearsal FOLDER CLIENTS ROUNDS REQUESTS

FOLDER has the template, and gets the emulator's state and records.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.config import Settings
from emulator.up.display import Display
from emulator.up.rehearsal.load import rehearse
from emulator.up.rehearsal.sandboxes import Backend
from emulator.up.rehearsal.wire import Loop
from emulator.up.serve import up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.live.backends.interface import SandboxBackend

_HOST_MEMORY_MB = 65_536


class Director(Display):
    """Begins the load when the emulator serves, and ends the emulator after the load."""

    def __init__(self, loop: Loop, sizes: tuple[int, int, int]) -> None:
        self._loop = loop
        self._sizes = sizes
        self._task: asyncio.Task[None] | None = None

    def say(self, line: str) -> None:
        print(line, file=sys.stderr)
        if line.startswith("Serving on "):
            port = int(line.partition(";")[0].rpartition(":")[2])
            self._task = self._loop.create_task(self._direct(port))

    @contextmanager
    def deploying(self, name: str, memory_mb: int) -> Iterator[Callable[[str], None]]:  # noqa: ARG002
        yield self.say

    async def _direct(self, port: int) -> None:
        try:
            print(json.dumps(asdict(await rehearse(self._loop, port, *self._sizes))), flush=True)
        finally:
            signal.raise_signal(signal.SIGTERM)


def main() -> None:
    """Rehearses as the arguments say."""
    folder, *sizes = sys.argv[1:]
    clients, rounds, requests = map(int, sizes)
    settings = Settings(
        template=Path(folder, "template.yaml"),
        state_dir=Path(folder, "state"),
        run_dir=Path(folder, "run"),
        port=0,
        keep_alive=3600.0,
        host_memory=_HOST_MEMORY_MB,
    )
    loop = Loop()

    async def backend(*_: object) -> SandboxBackend:
        return Backend(loop)

    director = Director(loop, (clients, rounds, requests))
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(up(settings, director, backend))


if __name__ == "__main__":
    main()
