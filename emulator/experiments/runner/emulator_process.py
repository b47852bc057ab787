"""Runs `testbed up` as a child process, and promises that the process is gone afterwards.

Owns the process around an emulator: its start, the wait until it serves, its log, and its end
whatever happened in between. An experiment speaks to the emulator over HTTP, as any client does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Self, TextIO

import httpx

from emulator.errors import TestbedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

_POLL_EVERY = 0.1
"""Seconds between two looks at an emulator that starts."""
_STOP_WITHIN = 45.0
"""Seconds: removing the sandboxes of a large run takes a while."""
_LAST_LINES_WITHIN = 15.0
"""Seconds that what an emulator has printed may take to be read after its end."""
_TAIL = 15
"""Lines of the log that an error tells."""


class EmulatorProcess:
    """Keeps an emulator serving at `url` while the context lasts."""

    def __init__(
        self,
        options: Sequence[str],
        log: Path,
        *,
        ready_within: float,
        tell: Callable[[str], None] = print,
        python: str = sys.executable,
        module: str = "emulator.cli",
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Prepares an emulator.

        `module` is run as `testbed` would be; `environ` holds further variables for it; `folder`
        holds the code that `python` runs, by default ours.
        """
        self._folder = folder
        self._port = free_port()
        self._environ = environ or {}
        self._command = [
            *(python, "-m", module, "up", "--port", str(self._port)),
            *options,
        ]
        self._log = log
        self._ready_within = ready_within
        self._tell = tell
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._unwritten = ""
        """Why lines are missing from the log."""
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def pid(self) -> int:
        """The process id of the running emulator; 0 where none runs."""
        return 0 if self._process is None else self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Starts the emulator, the first time or after `kill`, and waits until it serves.

        Raises:
            TestbedError: the emulator ended, or did not serve in time.
        """
        try:
            self._start()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def kill(self) -> None:
        """Kills the emulator's own process, as `kill -9` does; waits until that one is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        try:
            log = self._log.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise TestbedError(f"{self._log} cannot be written: {error.strerror}.") from error
        # a session of its own: Ctrl-C reaches this process alone, which then ends the emulator
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, **self._environ, "PYTHONUNBUFFERED": "1"},
            cwd=self._folder,
        )
        self._reader = threading.Thread(
            target=self._pass_on, args=(self._process, log), daemon=True
        )
        self._reader.start()

    def _pass_on(self, process: subprocess.Popen[str], log: TextIO) -> None:
        """Passes the emulator's lines on until its end, whether or not the log takes them.

        An emulator whose output nobody reads stands still.
        """
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._tail.append(line.rstrip())
                self._tell(f"  | {line.rstrip()}")
                try:
                    log.write(line)
                except OSError as error:
                    self._complain(error)
        with contextlib.suppress(OSError):  # what could not be written is told already
            log.close()

    def _complain(self, error: OSError) -> None:
        if not self._unwritten:
            self._unwritten = f"{self._log} cannot be written: {error.strerror}."
            self._tell(f"  | {self._unwritten}")

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + self._ready_within
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise TestbedError(self._failure("ended before it served"))
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/healthz", timeout=2).is_success:
                    return
            time.sleep(_POLL_EVERY)
        raise TestbedError(self._failure(f"did not serve within {self._ready_within:g} s"))

    def check(self) -> None:
        """Checks that the emulator still runs.

        Raises:
            TestbedError: the emulator has ended by itself.
        """
        if self._process is not None and self._process.poll() is not None:
            raise TestbedError(self._failure(f"ended with exit code {self._process.returncode}"))

    def _failure(self, how: str) -> str:
        ended = self._process is not None and self._process.poll() is not None
        if ended and self._reader is not None:
            self._reader.join(_LAST_LINES_WITHIN)
        tail = "\n".join(f"  | {line}" for line in self._tail) or "  | (nothing)"
        return f"The emulator {how}; the end of its log ({self._log}):\n{tail}"

    def stop(self) -> None:
        """Ends the emulator, by force where it does not end within a bounded time."""
        process, self._process = self._process, None
        if process is None:
            return
        end(process, within=_STOP_WITHIN)
        if self._reader is not None:
            self._reader.join(_LAST_LINES_WITHIN)


def end(process: subprocess.Popen[str], within: float) -> None:
    """Sends SIGTERM to a child that leads a session, and SIGKILL to the session after the time.

    Returns when the child is gone; a second Ctrl-C does not cut this short.
    """
    with _signals_ignored():
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    """Returns a TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Lets SIGTERM and a closed terminal unwind the stack as Ctrl-C does, so that children end."""

    def stop(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handlers((signal.SIGTERM, signal.SIGHUP), stop):
        yield


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    with _handlers((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _handlers(
    numbers: Sequence[signal.Signals],
    handler: signal.Handlers | Callable[[int, FrameType | None], None],
) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread has a say in signals
        return
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, old in before:
            signal.signal(number, old)
