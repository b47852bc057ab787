"""Keeps a template at the ready: a process that went through a version's init once.

It owns the channel to one template, what goes over that, and the template's freezing; what runs at
the other end is snapshot_runtime.py. It knows neither requests nor what a restored sandbox is for.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.errors import SandboxStartError, SnapshotError
from emulator.live.backends.local.slots import Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.host.cgroup_v1 import CgroupV1
    from emulator.host.cgroup_v2 import CgroupV2
    from emulator.host.memory_counters import MemoryCounters
    from emulator.live.backends.interface import Output

_MOST = 1 << 18
"""Bytes of a message."""
_CREDENTIALS = struct.Struct("=3i")
"""Process, user and group, as SCM_CREDENTIALS has them."""
_PATIENCE = 10.0
"""Seconds that a step of a restore may take; of Lambda's own limit on a restore."""


@dataclass(frozen=True, slots=True)
class Restored:
    """Holds the emulator's ends of what leads to one fork, and its first process."""

    control: socket.socket
    output: int
    pid: int
    """The process that becomes the sandbox, as seen from here."""


class TemplateLostError(SandboxStartError):
    """Reports a template that does not obey any more, as one that was killed while frozen."""


class Template:
    """Owns one template. Lives in one event loop."""

    def __init__(
        self, name: str, cgroup: CgroupV1 | CgroupV2, memory_mb: int, *, tells: bool = False
    ) -> None:
        """Makes the process, which waits for its script.

        `tells`: what the script runs may be anything, and tells if it can be kept.

        Raises:
            OSError: the kernel refuses.
        """
        self.name = name
        self._cgroup = cgroup
        self._channel, theirs = seqpacket_pair()
        self._orders = 0
        """Forks that are ordered and not yet moved away."""
        self._restored = 0
        """Sandboxes that live; they end with the template, whose namespace is around theirs."""
        self._begun = not tells
        """Whether what runs is a runtime that can be kept."""
        self._unwanted = False
        self._ending: asyncio.Task[None] | None = None
        try:
            cgroup.limit_memory(memory_mb)
            self._slot = Slot(name, cgroup, theirs.fileno())
        except BaseException:
            self._channel.close()
            raise
        finally:
            theirs.close()

    @property
    def lives(self) -> bool:
        """Returns whether forks can be ordered."""
        return not self._slot.exited.done() and self._ending is None

    async def take(self, script: bytes, receive: Output, limit: float) -> None:
        """Goes through init, within `limit` seconds, and freezes what is there then.

        Raises:
            SnapshotError: the init failed, or there is what forks would share.
        """
        self._slot.launch(script, receive)
        try:
            async with asyncio.timeout(limit):
                told = await self._first_word()
                if "begun" in told:
                    self._begun = True
                    told = await self._first_word()
        except TimeoutError:
            raise SnapshotError(
                f"Function initialization timed out after {limit:.2f} seconds",
                code="FunctionError.InitTimeout",
            ) from None
        if "failed" in told:
            fault: dict[str, Any] = told["failed"]
            raise SnapshotError(
                f"Error: {fault.get('errorType')}: {fault.get('errorMessage')}",
                code="FunctionError.RuntimeInitError",
            )
        if told["shared"]:
            raise SnapshotError(f"memory is shared with other processes: {told['shared']}", code="")
        self._cgroup.freeze()

    async def _first_word(self) -> dict[str, Any]:
        word = asyncio.ensure_future(received(self._channel))
        either: list[asyncio.Future[Any]] = [word, self._slot.exited]
        try:
            await asyncio.wait(either, return_when="FIRST_COMPLETED")
            if word.done() and word.result()[0]:
                told: dict[str, Any] = json.loads(word.result()[0])
                return told
        finally:
            # a reader that stayed would be that of the next channel with this descriptor
            word.cancel()
            await asyncio.gather(word, return_exceptions=True)
        code = await self._slot.exited
        sentence = f"Error: Runtime exited with error: exit status {code}"
        if not self._begun:
            raise SnapshotError(f"Its runtime is none that can be kept. {sentence}", code="")
        raise SnapshotError(sentence, code="FunctionError.RuntimeInitError")

    async def fork(self, namespaces: tuple[int, ...] = ()) -> Restored:
        """Orders a fork, and returns when it says that it is there; it waits for a message then.

        The fork joins the `namespaces`, a user's and its network's, if there are any.

        Raises:
            TemplateLostError: the template does not obey.
        """
        control, theirs = seqpacket_pair()
        control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        output, outer = os.pipe()
        os.set_blocking(output, False)
        try:
            pid = await self._forked(control, theirs, outer, namespaces)
        except BaseException:
            control.close()
            os.close(output)
            raise
        self._restored += 1
        return Restored(control, output, pid)

    async def _forked(
        self, control: socket.socket, theirs: socket.socket, output: int, more: tuple[int, ...]
    ) -> int:
        self._orders += 1
        self._cgroup.thaw()
        try:
            try:
                socket.send_fds(self._channel, [b"fork"], [theirs.fileno(), output, *more])
            finally:
                theirs.close()
                os.close(output)
            async with asyncio.timeout(_PATIENCE):
                message, pid = await received(control)
        except (OSError, TimeoutError) as error:
            self.moved()
            raise TemplateLostError(f"The snapshot {self.name} does not answer.") from error
        if not message or not pid:
            self.moved()
            raise TemplateLostError(f"The snapshot {self.name} could not be forked.")
        return pid

    def memory(self) -> MemoryCounters | None:
        """Returns what the kernel counts of the template's memory; None where that is unknown."""
        return self._cgroup.memory()

    def moved(self) -> None:
        """Takes note that a fork has left the template's cgroup, which is frozen after the last."""
        self._orders -= 1
        if not self._orders and self.lives:
            self._cgroup.freeze()

    def gone(self) -> None:
        """Takes note that a sandbox has ended."""
        self._restored -= 1
        self._end_if_unwanted()

    def discard(self) -> None:
        """Ends the template when no sandbox of it lives any more."""
        self._unwanted = True
        self._end_if_unwanted()

    def _end_if_unwanted(self) -> None:
        if self._unwanted and self._restored <= 0 and self._ending is None:
            self._ending = asyncio.create_task(self._slot_ended())

    async def end(self) -> None:
        """Ends the template, and with it every sandbox that lives; bounded."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._slot_ended())
        await asyncio.shield(self._ending)

    async def _slot_ended(self) -> None:
        self._channel.close()
        await self._slot.end()

    def when_ended(self, ended: Callable[[], None]) -> None:
        """Calls `ended` when the process has ended, for whatever reason."""
        self._slot.exited.add_done_callback(lambda _: ended())


def seqpacket_pair() -> tuple[socket.socket, socket.socket]:
    """Returns two ends of a channel that keeps messages apart; neither blocks here."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    return ours, theirs


async def received(channel: socket.socket) -> tuple[bytes, int]:
    """Returns the next message, empty at the end, and the id of the process that sent it, if told.

    Raises:
        OSError: the channel is broken.
    """
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def ready() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(channel.fileno(), ready)
    try:
        await readable
    finally:
        with suppress(ValueError, OSError):
            loop.remove_reader(channel.fileno())
    space = socket.CMSG_SPACE(_CREDENTIALS.size)
    try:
        message, ancillary, _, _ = channel.recvmsg(_MOST, space)
    except BlockingIOError:
        return await received(channel)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            return message, _CREDENTIALS.unpack_from(data)[0]
    return message, 0
