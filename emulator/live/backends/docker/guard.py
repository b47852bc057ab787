"""Starts and dismisses the guard, the program that clears up after a killed emulator."""

from __future__ import annotations

import asyncio
import importlib.resources
import subprocess
import sys
from contextlib import suppress

_PATIENCE = 5.0
"""Seconds that the guard may take to end when it is dismissed."""


class Guard:
    """Runs a child process that lives until this process ends, and then a little longer.

    `address` is the engine's socket path, or host and port; only containers with `label` whose
    names begin with `prefix` are removed. `freezer` is the file that thaws a container.
    """

    def __init__(self, address: str, label: str, prefix: str, freezer: str) -> None:
        program = str(importlib.resources.files(__package__).joinpath("guard_program.py"))
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", program, address, label, prefix, freezer],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that Ctrl-C does not reach the guard
        )

    async def dismiss(self) -> None:
        """Ends the guard, since nothing is left to remove."""
        await asyncio.to_thread(self._dismiss)

    def _dismiss(self) -> None:
        with suppress(BrokenPipeError, subprocess.TimeoutExpired):
            self._process.communicate(b"\n", timeout=_PATIENCE)
        self._process.kill()
        self._process.wait()
