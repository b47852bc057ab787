"""Opens Runtime APIs inside network slots, where a sandbox dials its own loopback."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from emulator.live.backends.sandbox_spec import InnerListener

if TYPE_CHECKING:
    from emulator.host.network_namespace import NetworkNamespace
    from emulator.live.backends.docker.network_slots import NetworkSlots

log = logging.getLogger(__name__)

_LOOPBACK, _PORT = "127.0.0.1", 9001
LAMBDAS_OWN = f"{_LOOPBACK}:{_PORT}"
"""What a sandbox of Lambda's dials; another port is taken where a sandbox has that one in use."""


async def listen_in(namespace: NetworkNamespace, address: str, slot: str) -> InnerListener:
    """Opens a socket in a namespace with the address of a slot.

    Raises:
        OSError: the network cannot be entered.
    """
    bound = await namespace.listener(_LOOPBACK, _PORT)
    dial = f"{_LOOPBACK}:{bound.getsockname()[1]}"
    return InnerListener(bound, dial, address, slot)


class SlotListeners:
    """Takes the slots whose networks can be entered, and gives back those that cannot."""

    def __init__(self, slots: NetworkSlots) -> None:
        self._slots = slots

    async def listen(self) -> InnerListener | None:
        """Opens a socket in the next slot; None where none is ready, or can be entered."""
        if (taken := self._slots.take_entered()) is None:
            return None
        slot, network = taken
        try:
            return await listen_in(network.namespace, network.address, slot)
        except OSError as error:
            log.warning("The network slot %s cannot be entered: %s", slot, error)
            self.abandon(slot)
            return None
        except BaseException:
            self.abandon(slot)
            raise

    async def wait_and_listen(self) -> InnerListener | None:
        """Opens a socket as `listen`, once a slot is ready, for whom nobody waits."""
        await self._slots.one_ready()
        return await self.listen()

    def abandon(self, slot: str) -> None:
        """Gives the slot of a sandbox back that is not to be started."""
        self._slots.give_back(slot)
        self._slots.start_is_over()
