"""Passes requests for AWS services beside Lambda on, so that a program needs one endpoint.

They go to the endpoint that the settings name for their service, else to the companion. Signed
requests are told by their signature and taken before the template's routes, of which a greedy one
would else swallow every bucket; unsigned requests are looked at when no route took them. Knows who
serves which service, and nothing of what is asked.
"""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from emulator.api.asgi import respond
from emulator.api.auth.refusals import refusal_of
from emulator.api.companion.proxy import Proxy, UpstreamError
from emulator.api.companion.service_name import OWN, access_key_of, addressed_to, signed_for
from emulator.api.http_api.route import not_found
from emulator.errors import CompanionError, ServiceError
from emulator.live.companion.process import KEEPS_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.api.auth.services_guard import ServicesGuard
    from emulator.live.companion.identity_source import IdentitySource
    from emulator.live.companion.process import Companion

_OWN_HEADERS = b"x-testbed-"
_IDENTITY_SERVICES = frozenset({"iam", "sts", "cloudformation"})
"""Services whose calls may change who may do what."""

log = logging.getLogger(__name__)


class OtherServices:
    """Serves every AWS service that the emulator does not serve itself.

    Use from one event loop; `close` ends the connections.
    """

    def __init__(
        self,
        endpoints: Mapping[str, str],
        companion: Companion | None,
        *,
        identities: IdentitySource | None = None,
        guard: ServicesGuard | None = None,
    ) -> None:
        """Takes endpoints by service, as signatures name it; the companion stays its owner's.

        `identities` tells the companion of sessions that it does not know; `guard` decides who may
        ask the companion, while endpoints look at signatures themselves.
        """
        self._endpoints = endpoints
        self._companion = companion
        self._identities = identities
        self._guard = guard
        self._proxy = Proxy()

    async def close(self) -> None:
        await self._proxy.close()

    async def serve(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        server = self._endpoints.get(service)
        if server is None and self._companion is None:
            sentence = f"Nothing serves {service} here: name it with --aws-endpoint {service}=URL."
            await _refuse(send, 501, service, sentence)
            return
        try:
            if server is None:
                await self._ask_companion(service, scope, receive, send)
            else:
                await self._proxy.pass_on(server, scope, receive, send)
        except ServiceError as error:
            status, kind, body = refusal_of(service, error)
            await respond(send, status, body, [(b"content-type", kind)])
        except CompanionError as error:
            log.warning("%s", error)
            await _refuse(send, 503, service, str(error))
        except UpstreamError as error:
            sentence = f"{service} at {server} does not answer: {error}."
            log.warning("%s", sentence)
            await _refuse(send, 503, service, sentence)

    async def _ask_companion(
        self, service: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Passes a request on to the companion, which must know who signed it.

        Raises:
            ServiceError: the caller is refused.
            CompanionError: the companion does not start.
            UpstreamError: the companion does not answer.
        """
        assert self._companion is not None
        if self._guard is not None:
            scope, receive, answer = await self._guard.admit(service, scope, receive)
            if answer is not None:
                await respond(send, 200, answer, [(b"content-type", b"text/xml")])
                return
        if self._identities is not None:
            key = access_key_of(scope["headers"], scope["query_string"])
            await self._identities.introduce(key)
        server = await self._companion.url()
        scope = _with_headers(scope, self._companion.headers)
        if self._identities is not None and service in _IDENTITY_SERVICES:
            scope = {**scope, "headers": [*scope["headers"], (KEEPS_HEADER.encode(), b"1")]}
            with self._identities.changing():
                await self._proxy.pass_on(server, scope, receive, send)
        else:
            await self._proxy.pass_on(server, scope, receive, send)

    async def fall_back(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what no route took: other services' unsigned requests, and all else with 404."""
        service = addressed_to(scope["headers"])
        if service and service not in OWN:
            await self.serve(service, scope, receive, send)
        else:
            await not_found(scope, receive, send)


class SignedRoute:
    """Takes every request that is signed for another service."""

    def __init__(self, services: OtherServices) -> None:
        self._services = services

    def match(self, scope: Scope) -> ASGIApp | None:
        service = signed_for(scope["headers"], scope["query_string"])
        if not service or service in OWN:
            return None
        return partial(self._services.serve, service)


def _with_headers(scope: Scope, headers: Mapping[str, str]) -> Scope:
    """Returns the request with these headers, and without any of the emulator's own of others."""
    kept = [(name, value) for name, value in scope["headers"] if not name.startswith(_OWN_HEADERS)]
    added = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {**scope, "headers": [*kept, *added]}


async def _refuse(send: Send, status: int, service: str, sentence: str) -> None:
    """Answers an error in the form in which the service's SDK finds its sentence."""
    code = "NotImplemented" if status == 501 else "ServiceUnavailable"  # noqa: PLR2004
    if service == "s3":
        kind = b"application/xml"
        body = f"<Error><Code>{code}</Code><Message>{escape(sentence)}</Message></Error>".encode()
    else:
        kind, body = b"application/json", json.dumps({"__type": code, "message": sentence}).encode()
    await respond(send, status, body, [(b"content-type", kind)])
