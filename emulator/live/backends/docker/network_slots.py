"""Keeps network slots: namespaces made ahead of need, as making them is most of a start.

A slot is a tiny container that sleeps, the holder of a network namespace with an address of its
own. A sandbox joins the holder's namespace instead of getting a network made, and gives the slot
back when it is gone. Slots are made in the background, at the pace of `slot_pace.py`; a start
never waits for one.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.containers import (
    create_container,
    inspect_container,
    is_running,
    remove_container,
    start_container,
)
from emulator.live.backends.docker.slot_holder import (
    SlotNetwork,
    entered_network,
    holder_configuration,
)
from emulator.live.backends.docker.slot_pace import SlotPace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.host import Meeting


log = logging.getLogger(__name__)
_ATTEMPTS = 3
"""How many failures in a row end the making of slots for a while."""
_PAUSE = 30.0
"""Seconds of that while."""
_SHORT_LIFE = 10.0
"""Seconds; a holder that ends sooner counts as a failure, so that none is made in a circle."""
_UNFIT_IMAGE = 400
"""The engine's status where a container's first program is not there, or cannot be run."""


class NetworkSlots:
    """Keeps `least` slots; more where that many sandboxes were alive at once, up to `most`.

    An engine of few CPUs keeps fewer than `least`.
    """

    def __init__(
        self, engine: DockerEngine, prefix: str, labels: Mapping[str, str], least: int, most: int
    ) -> None:
        self._engine = engine
        self._prefix = prefix
        self._labels = labels
        self._least = min(least, most)
        self._most = most
        self._wanted = self._least
        self._images: list[str] = []
        self._meeting: Meeting | None = None
        self._oci_runtime = ""
        self._made = 0
        self._born: dict[str, float] = {}
        """When each holder was asked for, of those that stand or are being made."""
        self._alive: set[str] = set()
        """Every holder that stands, free or taken."""
        self._free: list[str] = []
        self._cannot_enter: Callable[[], None] | None = None
        self._networks: dict[str, SlotNetwork] = {}
        """The networks of the holders that stand, where this process may enter them."""
        self._in_use = 0
        self._trusted = True
        """Whether the holders that were told of as standing do stand."""
        self._failures = 0
        """Failures in a row."""
        self._resume_at = float("-inf")
        self._filling: asyncio.Task[None] | None = None
        self._closing = False
        self._news = asyncio.Event()
        """Whether a slot has become ready, or the making has ended, since somebody waited."""
        self.pace = SlotPace()
        """The pace of the making; whoever deploys tells of each deployment there."""

    def open(
        self,
        meeting: Meeting,
        cpus: int = 0,
        *,
        oci_runtime: str = "",
        cannot_enter: Callable[[], None] | None = None,
    ) -> None:
        """Begins the making, on an engine of so many CPUs (0: unknown).

        An `oci_runtime` runs the holders in the place of the engine's default. With `cannot_enter`
        the slots' networks are entered; it is called once where that fails.
        """
        self._oci_runtime = oci_runtime
        self._meeting = meeting
        self._cannot_enter = cannot_enter
        self.pace.open(cpus)
        self._wanted = self.pace.bounded(self._least)
        self._fill()

    def use_image(self, image: str) -> None:
        """Names an image that holders may be made of; the first one with a `sleep` is taken."""
        if image not in self._images:
            self._images.append(image)
            self._fill()

    # the critical path

    def take(self) -> str | None:
        """Returns a holder's name; None where none is ready, and then a network must be made."""
        self._in_use += 1
        self.pace.start_began()
        self._wanted = max(self._wanted, min(self._most, self._in_use))
        return self._free.pop() if self._free and self._trusted else None

    def take_entered(self) -> tuple[str, SlotNetwork] | None:
        """Takes a slot whose network this process may enter, if the next one is such a slot."""
        if not self._free or not self._trusted:
            return None
        if (network := self._networks.get(self._free[-1])) is None:
            return None
        holder = self.take()
        assert holder is not None
        return holder, network

    async def wait_for_entered(self, patience: float) -> tuple[str, SlotNetwork] | None:
        """Takes a slot as `take_entered`, after some seconds if one is being made."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while (taken := self.take_entered()) is None and self._filling is not None:
                    self._news.clear()
                    await self._news.wait()
                return taken
        return None

    def start_is_over(self) -> None:
        self.pace.start_is_over()
        self._fill()

    def give_back(self, holder: str | None, sure: bool = True) -> None:
        """Frees the slot of a sandbox; not `sure` that it is gone, nobody may have its ports."""
        self._in_use -= 1
        if holder is None or holder not in self._alive:
            return
        if sure:
            self._free.append(holder)
        else:
            self._give_up(holder)
            self._fill()

    async def has_lost(self, holder: str | None) -> bool:
        """Returns whether the slot of a failed start is to blame; it is given up then."""
        if holder is None:
            return False
        if holder in self._alive and await is_running(self._engine, holder):
            return False
        self.lost(holder)
        return True

    # in the background

    def lost(self, holder: str) -> None:
        """Replaces a holder that has ended without our doing."""
        born = self._born.get(holder)
        if born is None or self._closing:
            return
        self._give_up(holder)
        if asyncio.get_running_loop().time() - born < _SHORT_LIFE:
            self._failed(f"the container {holder} ended at once")
        else:
            log.warning("The network slot %s ended, and is replaced.", holder)
        self._fill()

    def distrust(self) -> None:
        """Hands out no slot until `keep_only` tells which outlived the engine's absence."""
        self._trusted = False

    def keep_only(self, running: set[str]) -> None:
        """Replaces all holders but these, which are known to be running, on an engine that is back.

        What could not be made while the engine was away says nothing of what can be made now.
        """
        self._trusted = True
        for holder in self._alive - running:
            self._give_up(holder)
        self._failures, self._resume_at = 0, float("-inf")
        self._fill()

    @property
    def ready(self) -> int:
        return len(self._free)

    async def one_ready(self) -> None:
        """Waits until a slot is ready, or none is being made."""
        while not self._free and self._filling is not None:
            self._news.clear()
            await self._news.wait()

    async def filled(self) -> None:
        """Waits until as many slots stand as are wanted, or none can be made."""
        while self._filling is not None:
            await asyncio.shield(self._filling)

    def _give_up(self, holder: str) -> None:
        self._born.pop(holder, None)
        self._alive.discard(holder)
        if holder in self._free:
            self._free.remove(holder)
        self._leave(holder)
        self._engine.spawn(remove_container(self._engine, holder))

    def _fill(self) -> None:
        if self._filling is None and self._may_make():
            self._filling = self._engine.spawn(self._make_wanted())

    def _may_make(self) -> bool:
        return (
            bool(self._images)
            and self._meeting is not None
            and not self._closing
            and len(self._alive) < self._wanted
            and asyncio.get_running_loop().time() >= self._resume_at
        )

    async def _make_wanted(self) -> None:
        try:
            while self._may_make():
                await self.pace.turn()
                width = min(self.pace.width, self._wanted - len(self._alive))
                await asyncio.gather(*(self._make() for _ in range(width)))
        finally:
            self._filling = None
            self._news.set()

    async def _make(self) -> None:
        if self._closing or not self._images:
            return
        self._made += 1
        name, image = f"{self._prefix}-slot-{self._made}", self._images[0]
        now = asyncio.get_running_loop().time
        assert self._meeting is not None
        body = holder_configuration(image, self._labels, self._meeting, self._oci_runtime)
        born = self._born[name] = now()
        try:
            await create_container(self._engine, body, name)
            await start_container(self._engine, name)
            await self._enter(name)
        except EngineError as error:
            self._born.pop(name, None)
            self._leave(name)
            await remove_container(self._engine, name)
            if error.status == _UNFIT_IMAGE and len(self._images) > 1:
                log.debug("No network slot can be made of %s: %s", image, error)
                self._images = [other for other in self._images if other != image]
            else:
                self._failed(str(error))
            return
        self.pace.took(now() - born)
        if name in self._born:  # else its end was told before the engine's answer came
            self._failures = 0
            self._alive.add(name)
            self._free.append(name)
            self._news.set()
        else:
            self._leave(name)

    async def _enter(self, name: str) -> None:
        """Keeps the network of a holder that has just started."""
        if self._cannot_enter is None:
            return
        found = await inspect_container(self._engine, name)
        try:
            self._networks[name] = await entered_network(found)
        except OSError as error:
            log.warning("Networks of sandboxes cannot be entered: %s", error)
            failed, self._cannot_enter = self._cannot_enter, None
            if failed is not None:  # several slots are made at once
                failed()

    def _leave(self, name: str) -> None:
        if (network := self._networks.pop(name, None)) is not None:
            network.namespace.close()

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self._failures < _ATTEMPTS:
            return
        self._failures = 0
        self._resume_at = asyncio.get_running_loop().time() + _PAUSE
        log.warning(
            "No network slot can be made, so starts of sandboxes take about 0.1 s longer; "
            "trying again in %g s. The engine's last word: %s",
            _PAUSE,
            why,
        )

    async def close(self) -> None:
        self._closing = True
        self.pace.close()
        await self.filled()
        holders, self._free = list(self._alive), []
        self._alive.clear()
        self._born.clear()
        for name in list(self._networks):
            self._leave(name)
        await asyncio.gather(*(remove_container(self._engine, holder) for holder in holders))
