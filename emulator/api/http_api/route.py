"""The HTTP API in front of the functions: routes of the template, payload format 2.0.

Source: API Gateway developer guide, HTTP APIs; where an integration takes longer than the profile's
limit the client gets an error, while the function runs on.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from emulator.api import xray
from emulator.api.asgi import (
    HttpResponse,
    check_size,
    json_response,
    outcome_headers,
    read_body,
    send_response,
)
from emulator.api.http_api.event import Api, event, request_of
from emulator.api.http_api.response import INTERNAL_SERVER_ERROR, NOT_FOUND, response
from emulator.api.network import passage_of
from emulator.core.model import VersionKey
from emulator.errors import (
    InvalidParameterValueError,
    RequestTooLargeError,
    ResourceNotFoundError,
)
from emulator.live.sandbox.environment import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.core.network_path import Passage
    from emulator.core.profile import Profile
    from emulator.core.routes import Route, RouteTable
    from emulator.live.engine import Engine
    from emulator.live.invocation import Outcome

_BODY_LIMIT = 10 * 1024 * 1024
"""Bytes of a request's body, API Gateway's most."""
_API_ID = "testbed"
_DOMAIN = f"{_API_ID}.execute-api.{REGION}.amazonaws.com"

_TOO_LARGE = json_response(413, b'{"message":"Request Entity Too Large"}')
"""The answer to a body that API Gateway or the function's Lambda would not take.

Source: AWS's Lambda Test Tool v2 (aws/aws-lambda-dotnet), LargePayloadTests: 413 for both.
"""
_UNAVAILABLE = json_response(503, b'{"message":"Service Unavailable"}')


class GatewayRoute:
    """Takes what the template routes; everything else is left to the routes after it."""

    def __init__(self, engine: Engine, routes: RouteTable, profile: Profile, port: int) -> None:
        self._engine = engine
        self._routes = routes
        self._event_limit = profile.request_limit
        self._limit = profile.integration_timeout
        self._api = Api(ACCOUNT_ID, _API_ID, _DOMAIN, port)

    def match(self, scope: Scope) -> ASGIApp | None:
        found = self._routes.match(scope["method"], scope["path"])
        return None if found is None else partial(self._handle, *found)

    async def _handle(
        self,
        route: Route,
        path_parameters: Mapping[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        gateway_id = base64.b64encode(os.urandom(11)).decode().replace("+", "-")
        headers, trace_id = xray.traced(scope["headers"])
        try:
            body = await read_body(receive, _BODY_LIMIT)
            payload = event(
                request_of(scope, headers, body),
                route,
                path_parameters,
                api=self._api,
                request_id=gateway_id,
                at_epoch=time.time(),
            )
            check_size(payload, self._event_limit)
        except RequestTooLargeError:
            await send_response(send, _TOO_LARGE)
            return
        own = [(b"apigw-requestid", gateway_id.encode())]
        try:
            outcome = await self._integrate(route, payload, trace_id, passage_of(scope))
        except TimeoutError:
            await send_response(send, json_response(self._limit.status, self._limit.body), own)
            return
        except ResourceNotFoundError:
            await send_response(send, _UNAVAILABLE, own)
            return
        except InvalidParameterValueError:  # isolated by tenant, whom an HTTP API cannot name
            await send_response(send, INTERNAL_SERVER_ERROR, own)
            return
        await send_response(send, _response(outcome), own + outcome_headers(outcome))

    async def _integrate(
        self, route: Route, payload: bytes, trace_id: str, passage: Passage
    ) -> Outcome:
        """Invokes the function.

        Raises:
            TimeoutError: the function took too long for API Gateway, and runs on.
            ResourceNotFoundError: the function is gone.
            InvalidParameterValueError: the function is isolated by tenant.
        """
        async with asyncio.timeout(self._limit.seconds * self._engine.dilation):
            key = VersionKey.of(route.function)
            return await self._engine.invoke(key, payload, trace_id=trace_id, passage=passage)


def _response(outcome: Outcome) -> HttpResponse:
    if outcome.throttle is not None:
        return _UNAVAILABLE
    if outcome.function_error or outcome.failure is not None:
        return INTERNAL_SERVER_ERROR
    return response(outcome.payload)


async def not_found(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers what no route takes, as API Gateway does."""
    await send_response(send, NOT_FOUND)
