"""`testbed up` as a child process, and the promise that it is gone afterwards.

An experiment speaks to the emulator as any client does, over HTTP; this module owns the process
around it: start, wait until it serves, and end it whatever happened in between.
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
from typing import TYPE_CHECKING, Self

import httpx

from emulator.errors import TestbedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import FrameType

_LOOK_EVERY = 0.1
_STOP_WITHIN = 45.0
"""Seconds: removing the sandboxes of a large run takes a while."""
_TAIL = 15


class EmulatorProcess:
    """Use it as a context: inside it serves at `url`, afterwards it has ended."""

    def __init__(
        self,
        options: Sequence[str],
        log: Path,
        *,
        ready_within: float,
        tell: Callable[[str], None] = print,
        python: str = sys.executable,
    ) -> None:
        self._port = free_port()
        self._command = [
            *(python, "-m", "emulator.cli", "up", "--port", str(self._port)),
            *options,
        ]
        self._log = log
        self._ready_within = ready_within
        self._tell = tell
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    def __enter__(self) -> Self:
        try:
            self._start()
            self._wait_until_it_serves()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        # a session of its own: Ctrl-C reaches this process alone, which then ends the emulator
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._pass_on, args=(self._process,), daemon=True)
        self._reader.start()

    def _pass_on(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout, self._log.open("a", encoding="utf-8", buffering=1) as log:
            for line in process.stdout:
                log.write(line)
                self._tail.append(line.rstrip())
                self._tell(f"  | {line.rstrip()}")

    def _wait_until_it_serves(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + self._ready_within
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise TestbedError(self._ended("ended before it served"))
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/healthz", timeout=2).is_success:
                    return
            time.sleep(_LOOK_EVERY)
        raise TestbedError(self._ended(f"did not serve within {self._ready_within:g} s"))

    def check(self) -> None:
        """Raises TestbedError where it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise TestbedError(self._ended(f"ended with exit code {self._process.returncode}"))

    def _ended(self, how: str) -> str:
        ended = self._process is not None and self._process.poll() is not None
        if ended and self._reader is not None:
            self._reader.join(timeout=2)  # for its last words
        tail = "\n".join(f"  | {line}" for line in self._tail) or "  | (nothing)"
        return f"The emulator {how}; the end of its log ({self._log}):\n{tail}"

    def stop(self) -> None:
        """SIGTERM, a bounded wait, then SIGKILL to all of its session. Returns when it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        end(process, within=_STOP_WITHIN)
        if self._reader is not None:
            self._reader.join(timeout=2)


def end(process: subprocess.Popen[str], within: float) -> None:
    """Ends a child that leads a session of its own; a second Ctrl-C does not cut this short."""
    with _deaf():
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM and a closed terminal unwind the stack as Ctrl-C does, so that children are ended."""

    def stop(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handlers((signal.SIGTERM, signal.SIGHUP), stop):
        yield


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
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
