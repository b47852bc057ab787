"""Tells where each of AWS's other services is served: where the settings say, else the companion.

Knows nothing of what is asked there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.companion.process import Companion


class Endpoints:
    """Finds the address of a service by the name that signatures have for it."""

    def __init__(self, named: Mapping[str, str], companion: Companion | None) -> None:
        """Takes addresses by service (`named`); the companion stays its owner's."""
        self._named = named
        self._companion = companion

    def headers(self, service: str) -> Mapping[str, str]:
        """Returns what a request needs beside its own, so that the companion serves it."""
        if self._companion is None or service in self._named:
            return {}
        return self._companion.headers

    async def url(self, service: str) -> str:
        """Returns `http://host:port`, and starts the companion where that is to serve.

        Raises:
            EndpointError: nothing serves the service.
            CompanionError: the companion does not start.
        """
        if (named := self._named.get(service)) is not None:
            return named
        if self._companion is None:
            raise EndpointError(
                f"Nothing serves {service} here: name it with --aws-endpoint {service}=URL."
            )
        return await self._companion.url()
