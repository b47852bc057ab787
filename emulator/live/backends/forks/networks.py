"""Declares what a fork needs of a network of its own, where sandboxes have networks."""

from __future__ import annotations

from typing import Protocol


class ForkNetwork(Protocol):
    """Declares a network, with the user namespace around it that a fork may join."""

    @property
    def slot(self) -> str:
        """The network's name, as `InnerListener.network`."""
        ...

    @property
    def address(self) -> str:
        """The sandbox's IPv4 address."""
        ...

    @property
    def descriptors(self) -> tuple[int, int]:
        """Open files of the user namespace and of the network."""
        ...


class ForkNetworks(Protocol):
    """Declares where networks come from."""

    async def take(self) -> ForkNetwork | None:
        """Returns a network for one fork; None where none can be made now."""

    def give_back(self, slot: str) -> None:
        """Frees a network in which no process is left."""
