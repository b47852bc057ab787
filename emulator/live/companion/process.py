"""Runs the AWS companion: moto's server beside the emulator, for services that are not Lambda.

The companion is a child process, started by the first request that needs it. Its standard input is
its lifeline: when this process ends, however it ends, the input ends and the companion with it.
What the companion holds (buckets, queues, tables) is in its memory and ends with it too, but for
users, roles and policies, which a file keeps. This module knows nothing of requests.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import CompanionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

_SERVER = Path(__file__).with_name("server.py")
# -P: its own folder must not stand in front of the module path
COMMAND = (sys.executable, "-P", str(_SERVER))
DOOR_HEADER = "x-testbed-companion"
INTERNAL_HEADER = "x-testbed-internal"
KEEPS_HEADER = "x-testbed-keeps"
"""Headers that no client's request brings to the companion; the gateway leaves them out."""
_PATIENCE = 30.0
"""Seconds until the companion must serve; .4 are usual, more on a disk that was not read yet."""
_GRACE = 2.0
"""Seconds that the companion gets to end by itself."""


class Companion:
    """Owns one moto server, started on demand. Use from one event loop; `close` ends it."""

    def __init__(
        self,
        log_file: Path,
        *,
        closed: bool = False,
        gateway: str = "",
        speedup: float = 1.0,
        identities: Path | None = None,
        command: Sequence[str] = COMMAND,
        patience: float = _PATIENCE,
    ) -> None:
        """Takes the file of the server's output; `command` must print a port and heed its input.

        A `closed` companion serves nobody but who sends its `headers`. What happens there invokes
        the functions at the address `gateway`, if one is given; schedules there run `speedup` times
        as fast as the clock on the wall. Users, roles and policies are kept in `identities`.
        """
        self._own = {"TESTBED_GATEWAY": gateway, "TESTBED_SPEEDUP": repr(speedup)}
        if not gateway:
            self._own = {}
        self._own["TESTBED_BEGAN"] = repr(time.time())
        if identities is not None:
            self._own["TESTBED_IDENTITIES"] = str(identities)
        self._log_file = log_file
        self._closed = closed
        self._secret = secrets.token_urlsafe(24)
        self._command = command
        self._patience = patience
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Task[str] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id; None while no server runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else None

    @property
    def secret(self) -> str:
        """Returns what the companion and this emulator know each other by."""
        return self._secret

    @property
    def headers(self) -> dict[str, str]:
        """Returns what a request needs that the companion is to serve."""
        return {DOOR_HEADER: self._secret}

    @property
    def internal_headers(self) -> dict[str, str]:
        """Returns what a request needs that asks for `/identities` or adds to `/sessions`."""
        return {INTERNAL_HEADER: self._secret}

    async def url(self) -> str:
        """Returns where the server serves, and starts it where it does not run.

        Raises:
            CompanionError: The server did not start; the next call tries again.
        """
        if self._starting is None or (self._starting.done() and self.pid is None):
            if self._process is not None and self._process.returncode is not None:
                log.warning("the AWS companion ended; it starts anew, with users and roles alone")
            self._starting = asyncio.create_task(self._start())
        # a client that leaves takes nobody else's start with it
        return await asyncio.shield(self._starting)

    async def _start(self) -> str:
        try:
            async with asyncio.timeout(self._patience):
                port = await self._spawned()
        except TimeoutError:
            await self._end(grace=0)
            raise CompanionError(
                f"The AWS companion did not serve within {self._patience:g} s; "
                f"{self._log_file} may tell why."
            ) from None
        except OSError as error:
            raise CompanionError(f"The AWS companion cannot be started: {error}") from error
        except BaseException:
            await self._end()
            raise
        return f"http://127.0.0.1:{port}"

    async def _spawned(self) -> int:
        with self._log_file.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                env=companion_environment(os.environ) | self._own,
                start_new_session=True,  # Ctrl-C is for the emulator, which ends it
            )
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        # not in the environment or on the command line, where other processes can read it
        mode = " closed" if self._closed else ""
        self._process.stdin.write(f"{self._secret}{mode}\n".encode())
        line = await self._process.stdout.readline()
        if not line.strip().isdigit():
            words = self._last_words()
            if "No module named" in words:
                words += " (pip install 'serverless-testbed[aws]' installs what it needs)"
            raise CompanionError(f"The AWS companion cannot be started: {words}")
        return int(line)

    def _last_words(self) -> str:
        lines = self._log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    async def close(self) -> None:
        """Ends the server, or its start, in a bounded time; nothing of it is left."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await self._end()
        self._starting = self._process = None

    async def _end(self, grace: float = _GRACE) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._process.wait()
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def companion_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the user's environment without AWS's variables, which mean another endpoint."""
    return {name: value for name, value in environ.items() if not name.startswith("AWS_")}
