"""Closes the testbed's own pages to other machines, under `--auth strict`.

They tell of all functions and their logs, and have no policies. Whether the emulator is well is
told to everyone, and what is not the testbed's own passes.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from emulator.api.asgi import json_response, send_response
from emulator.api.control.links import PATH as LINKS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_OWN = ("/_testbed", "/metrics")
_REFUSAL = json_response(
    403,
    b'{"detail":"Under --auth strict the testbed\'s own pages are for clients on its machine."}',
)


class ClosedPages:
    """Refuses requests for the testbed's own pages that come from another machine."""

    def __init__(self, pages: ASGIApp) -> None:
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        # a link to code is signed, and given to callers who have the right
        if path.startswith(_OWN) and not path.startswith(LINKS) and not _is_local(scope):
            await send_response(send, _REFUSAL)
            return
        await self._pages(scope, receive, send)


def _is_local(scope: Scope) -> bool:
    client, server = scope.get("client"), scope.get("server")
    if not client or not client[0]:
        return False
    if server and client[0] == server[0]:  # this machine, at another address of its own
        return True
    address = ipaddress.ip_address(client[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
