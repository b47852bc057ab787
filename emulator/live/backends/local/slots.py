"""Keeps shells waiting in cgroups of their own, each to become a sandbox's first process.

Joining a cgroup takes 14 ms on cgroup v1 and starting a shell 1 ms, so both are done before a
sandbox is wanted. A slot's shell (slot.sh) waits for one line on its standard input; then it reads
its script from descriptor 3 and replaces itself with the sandbox's supervisor, which goes on
reading standard input. The shell ends when the emulator does, since its input ends; descriptor 4 is
a pipe that ends then too and is never written. Slots know nothing of what a sandbox is to run.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import threading
from collections import deque
from contextlib import suppress
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from emulator.host.peers import descendants
from emulator.live.backends.local.output import OutputReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.host.cgroup_v1 import CgroupV1
    from emulator.host.cgroup_v2 import CgroupV2
    from emulator.live.backends.interface import Output

CHANNEL = 6
"""The descriptor of a template's channel; the seccomp filter has 5."""
_SHELL = "/bin/sh"
_OWN_GROUP: dict[str, Any] = {"setsid": 1} if sys.platform == "linux" else {"setpgroup": 0}
"""Keeps terminals away and lets one signal reach all of a sandbox; macOS has no setsid here."""
_PATIENCE = 20.0
"""Seconds that a killed sandbox may take to be gone."""


class Slot:
    """Owns one shell, and after `launch` the sandbox that it became. Lives in one event loop."""

    def __init__(
        self, name: str, cgroup: CgroupV1 | CgroupV2 | None, channel: int | None = None
    ) -> None:
        """Takes a descriptor (`channel`) that the sandbox has as its own number `CHANNEL`."""
        self.name = name
        self._channel = channel
        self.cgroup = cgroup
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """The first process's exit code as a shell counts it, once its output was passed on."""
        self._loop = asyncio.get_running_loop()
        self._reader: OutputReader | None = None
        self._closed = False
        self._script = _anonymous_file()
        try:
            self._spawn()
        except BaseException:
            os.close(self._script)
            raise
        _watch(self.pid, self._loop, self._ended)

    def _spawn(self) -> None:
        files = [str(path) for path in self.cgroup.join_files] if self.cgroup else []
        inner, self._go = os.pipe()
        tied, self._lifeline = os.pipe()
        self._output, outer = os.pipe()
        os.set_blocking(self._output, False)
        os.set_blocking(self._go, False)
        try:
            # in the loop's own thread: a sandbox that is tied to its parent dies with the thread
            self.pid = os.posix_spawn(
                _SHELL,
                [_SHELL, "-c", _program(), self.name, *files],
                {},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, inner, 0),
                    (os.POSIX_SPAWN_DUP2, outer, 1),
                    (os.POSIX_SPAWN_DUP2, outer, 2),
                    (os.POSIX_SPAWN_DUP2, self._script, 3),
                    (os.POSIX_SPAWN_DUP2, tied, 4),
                    *([(os.POSIX_SPAWN_DUP2, self._channel, CHANNEL)] if self._channel else []),
                ],
                **_OWN_GROUP,
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
            )
        except BaseException:
            for ours in (self._go, self._lifeline, self._output):
                os.close(ours)
            raise
        finally:
            for theirs in (inner, tied, outer):
                os.close(theirs)

    def launch(self, script: bytes, receive: Output) -> None:
        """Lets the shell run `script`, and passes what it writes from now on to `receive`."""
        os.pwrite(self._script, script, 0)
        self._reader = OutputReader(self._loop, self._output, receive)
        self.send(b"\n")

    def send(self, line: bytes) -> None:
        """Writes to the standard input of what the shell became; the pipe holds many lines."""
        # nothing where it has ended, or could not join its cgroup and has said why
        with suppress(BrokenPipeError, BlockingIOError):
            if not self._closed:
                os.write(self._go, line)

    def _ended(self, code: int) -> None:
        if self.exited.done():  # it was given up
            return
        if self._reader is None:
            self._exit(code)
        else:
            self._reader.finish(lambda: self._exit(code))

    def _exit(self, code: int) -> None:
        if not self.exited.done():
            self.exited.set_result(code)

    def pids(self) -> Iterable[int]:
        """Returns the processes of the sandbox; without a cgroup, those that descend from it."""
        return self.cgroup.pids() if self.cgroup else descendants(self.pid)

    def signal_group(self, number: int) -> None:
        """Signals the process group: every process of the sandbox that did not leave the group."""
        with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM of a dead group
            os.killpg(self.pid, number)

    async def end(self) -> None:
        """Kills the sandbox, waits until it is gone and removes its cgroup, in a bounded time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._kill()
        self._exit(128 + signal.SIGKILL)
        if self._reader is not None:
            self._reader.close()
        if self.cgroup:
            self.cgroup.close()
        self._closed = True
        for descriptor in (self._go, self._lifeline, self._output, self._script):
            os.close(descriptor)

    async def _kill(self) -> None:
        pause = 0.001
        while True:
            if self.cgroup:
                self.cgroup.kill()
            if not self.cgroup or not self.exited.done():  # it may not have joined its cgroup yet
                self.signal_group(signal.SIGKILL)
            await asyncio.wait([self.exited], timeout=pause)
            if self.exited.done() and (self.cgroup is None or self.cgroup.remove()):
                return
            if self.exited.done():
                await asyncio.sleep(pause)  # cgroup v1 tells nobody that a cgroup became empty
            pause = min(pause * 2, 0.1)


class SlotPool:
    """Keeps some slots ready, and replaces taken ones when starts have calmed down."""

    def __init__(self, make: Callable[[], Slot], spare: int, refill_after: float = 0.1) -> None:
        self._make = make
        self._spare = spare
        self._refill_after = refill_after
        self._waiting: deque[Slot] = deque()
        self._loop = asyncio.get_running_loop()
        self._refilling: asyncio.TimerHandle | None = None
        self._refill()

    def take(self) -> Slot:
        """Returns a slot that waits.

        Raises:
            OSError: No slot was ready and none can be made.
        """
        self._refill_later()
        while self._waiting:
            slot = self._waiting.popleft()
            if not slot.exited.done():
                return slot
        return self._make()

    def names(self) -> set[str]:
        """Returns the names of the slots that wait."""
        return {slot.name for slot in self._waiting}

    def _refill_later(self) -> None:
        if self._refilling is not None:
            self._refilling.cancel()
        self._refilling = self._loop.call_later(self._refill_after, self._refill)

    def _refill(self) -> None:
        """Makes one slot and comes again for the next: each takes a millisecond of the loop's."""
        self._refilling = None
        with suppress(OSError):  # `take` reports it, if it lasts
            if len(self._waiting) < self._spare:
                self._waiting.append(self._make())
                self._refilling = self._loop.call_later(0.005, self._refill)

    async def close(self) -> None:
        """Ends every slot that waits."""
        if self._refilling is not None:
            self._refilling.cancel()
        await asyncio.gather(*(slot.end() for slot in self._waiting))
        self._waiting.clear()


@cache
def _program() -> str:
    return resources.files(__package__).joinpath("slot.sh").read_text()


def _anonymous_file() -> int:
    """Opens a file without a name, which the shell reads as /dev/fd/3."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("script")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _watch(pid: int, loop: asyncio.AbstractEventLoop, ended: Callable[[int], None]) -> None:
    """Calls `ended` in the loop with the exit code of a child, as soon as it ends."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or older than 5.3
        threading.Thread(target=_wait_in_thread, args=(pid, loop, ended), daemon=True).start()
        return

    def readable() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        ended(_reaped(pid))

    loop.add_reader(descriptor, readable)


def _wait_in_thread(
    pid: int, loop: asyncio.AbstractEventLoop, ended: Callable[[int], None]
) -> None:
    code = _reaped(pid)
    with suppress(RuntimeError):  # the loop was closed
        loop.call_soon_threadsafe(ended, code)


def _reaped(pid: int) -> int:
    """Waits for a child and returns its exit code, as a shell counts it."""
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:  # somebody else's wait took it
        return 255
    return code if code >= 0 else 128 - code
