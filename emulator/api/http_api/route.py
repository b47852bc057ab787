"""The HTTP API in front of the functions: routes of the template, payload format 2.0.

Source: API Gateway developer guide, HTTP APIs; an integration answers within 30 s or the client
gets 503, while the function runs on.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Match, NoMatchFound

from emulator.api import xray
from emulator.api.asgi import outcome_headers
from emulator.api.http_api.payload import (
    INTERNAL_SERVER_ERROR,
    NOT_FOUND,
    Api,
    HttpRequest,
    HttpResponse,
    event,
    json_response,
    response,
)
from emulator.api.invoke.request import read_body
from emulator.core.model import VersionKey
from emulator.errors import RequestTooLargeError, ResourceNotFoundError
from emulator.live.sandbox.environment import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from starlette.datastructures import URLPath
    from starlette.types import Receive, Scope, Send

    from emulator.core.routes import Route, RouteTable
    from emulator.live.engine import Engine
    from emulator.live.invocation import Outcome

INTEGRATION_TIMEOUT = 30.0
"""Seconds; API Gateway's most for an HTTP API."""
_LIMIT = 10 * 1024 * 1024
"""Bytes of a request, API Gateway's most."""
_API_ID = "testbed"
_DOMAIN = f"{_API_ID}.execute-api.{REGION}.amazonaws.com"


_TOO_LARGE = json_response(413, b'{"message":"Request Entity Too Large"}')
_UNAVAILABLE = json_response(503, b'{"message":"Service Unavailable"}')


class GatewayRoute(BaseRoute):
    """Takes what the template routes; everything else is left to the routes after it."""

    def __init__(self, engine: Engine, routes: RouteTable, port: int) -> None:
        self._engine = engine
        self._routes = routes
        self._api = Api(ACCOUNT_ID, _API_ID, _DOMAIN, port)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        found = self._routes.match(scope["method"], scope["path"])
        return (Match.NONE, {}) if found is None else (Match.FULL, {"testbed.route": found})

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, path_parameters = scope["testbed.route"]
        gateway_id = base64.b64encode(os.urandom(11)).decode().replace("+", "-")
        try:
            body = await read_body(receive, _LIMIT)
        except RequestTooLargeError:
            await _send(send, _TOO_LARGE, [])
            return
        headers, trace_id = xray.traced(scope["headers"])
        client = scope.get("client")
        request = HttpRequest(
            scope["method"],
            scope["path"],
            scope["query_string"],
            headers,
            body,
            client[0] if client else "127.0.0.1",
            f"HTTP/{scope['http_version']}",
        )
        payload = event(
            request,
            route,
            path_parameters,
            api=self._api,
            request_id=gateway_id,
            at_epoch=time.time(),
        )
        said = [(b"apigw-requestid", gateway_id.encode())]
        outcome = await self._integrate(route, payload, trace_id)
        if outcome is None:
            await _send(send, _UNAVAILABLE, said)
            return
        await _send(send, _answer(outcome), said + outcome_headers(outcome))

    async def _integrate(self, route: Route, payload: bytes, trace_id: str) -> Outcome | None:
        """None when it took too long, or when the function cannot be invoked now."""
        try:
            async with asyncio.timeout(INTEGRATION_TIMEOUT * self._engine.dilation):
                key = VersionKey.of(route.function)
                return await self._engine.invoke(key, payload, trace_id=trace_id)
        except (TimeoutError, ResourceNotFoundError):
            return None


def _answer(outcome: Outcome) -> HttpResponse:
    if outcome.throttle is not None:
        return _UNAVAILABLE
    if outcome.function_error or outcome.failure is not None:
        return INTERNAL_SERVER_ERROR
    return response(outcome.payload)


async def not_found(_scope: Scope, _receive: Receive, send: Send) -> None:
    """What no route takes, as API Gateway says it."""
    await _send(send, NOT_FOUND, [])


async def _send(send: Send, answer: HttpResponse, more: list[tuple[bytes, bytes]]) -> None:
    headers = [*answer.headers, *more]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
