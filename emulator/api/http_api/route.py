"""Takes the requests for one HTTP API, whose events are of payload format 2.0 or 1.0.

Source: API Gateway developer guide, HTTP APIs; where an integration takes longer than the profile's
limit the client gets an error, while the function runs on. A signature is asked for where a route's
authorization is AWS_IAM. JWT and Lambda authorizers are left out: a template with one is refused.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from emulator.api import xray
from emulator.api.asgi import (
    HttpResponse,
    check_size,
    json_response,
    outcome_headers,
    send_response,
)
from emulator.api.auth.event_callers import iam_caller
from emulator.api.cors import answer_headers, is_preflight, preflight_headers, without_cors
from emulator.api.execute_api import (
    Integration,
    admitted_body,
    facts_of,
    named_api,
    new_gateway_id,
    within_stage,
)
from emulator.api.http_api.event import event, inferred_body, request_of, sent_path
from emulator.api.http_api.event_v1 import Asked, event_v1, identity_of
from emulator.api.http_api.response import INTERNAL_SERVER_ERROR, NOT_FOUND, response
from emulator.api.http_api.response_v1 import response_v1
from emulator.core.apis import DEFAULT_STAGE
from emulator.core.routes import PayloadFormat, RouteTable
from emulator.errors import (
    InvalidParameterValueError,
    RequestTooLargeError,
    ServiceError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.api.asgi import Headers
    from emulator.api.auth.gatekeeper import Gatekeeper
    from emulator.api.auth.principals import Caller
    from emulator.api.invoke.directory import Directory
    from emulator.core.apis import HttpApi
    from emulator.core.profile import Profile
    from emulator.core.routes import Route
    from emulator.live.engine import Engine
    from emulator.live.invocation import Outcome

_TOO_LARGE = json_response(413, b'{"message":"Request Entity Too Large"}')
"""The answer to a body that API Gateway or the function's Lambda would not take.

Source: AWS's Lambda Test Tool v2 (aws/aws-lambda-dotnet), LargePayloadTests: 413 for both.
"""
_UNAVAILABLE = json_response(503, b'{"message":"Service Unavailable"}')
_FORBIDDEN = json_response(403, b'{"message":"Forbidden"}')
_PREFLIGHT = HttpResponse(204, ((b"content-length", b"0"),), b"")


class HttpApiRoute:
    """Takes what one HTTP API routes: all under the API's own host, its routes elsewhere."""

    def __init__(
        self,
        engine: Engine,
        api: HttpApi,
        profile: Profile,
        port: int,
        *,
        directory: Directory | None = None,
        gatekeeper: Gatekeeper | None = None,
    ) -> None:
        self._gatekeeper = gatekeeper
        self._api = api
        self._routes = RouteTable(api.routes)
        self._integration = Integration(engine, profile.integration_timeout, directory)
        self._event_limit = profile.request_limit
        self._prefix = "" if api.stage == DEFAULT_STAGE else f"/{api.stage}"
        self._facts = facts_of(api, port)

    def match(self, scope: Scope) -> ASGIApp | None:
        named = named_api(scope)
        if named not in (None, self._api.id):
            return None
        path = scope["path"]
        if self._prefix:
            within = within_stage(path, self._prefix)
            if within is None:
                return not_found if named else None
            path = within
        if self._api.cors is not None and scope["method"] == "OPTIONS" and self._is_known(path):
            by_name = dict(scope["headers"])
            if is_preflight("OPTIONS", by_name):
                return partial(self._preflight, by_name)
        found = self._routes.match(scope["method"], path)
        if found is None:
            return not_found if named else None
        return partial(self._handle, *found)

    def _is_known(self, path: str) -> bool:
        """Returns whether a path is this API's with any method, so that a preflight is answered."""
        methods = {route.method for route in self._api.routes}
        return any(self._routes.match(method, path) for method in methods)

    async def _preflight(
        self, by_name: Mapping[bytes, bytes], _scope: Scope, _receive: Receive, send: Send
    ) -> None:
        assert self._api.cors is not None
        await send_response(send, _PREFLIGHT, preflight_headers(self._api.cors, by_name))

    async def _handle(
        self,
        route: Route,
        path_parameters: Mapping[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        gateway_id = new_gateway_id()
        own = [(b"apigw-requestid", gateway_id.encode())]
        if self._api.cors is not None:
            own += answer_headers(self._api.cors, dict(scope["headers"]))
        headers, trace_id = xray.traced(scope["headers"])
        try:
            body, caller = await admitted_body(route, self._gatekeeper, self._facts, scope, receive)
            payload = self._event(
                route,
                path_parameters,
                scope,
                headers=headers,
                body=body,
                gateway_id=gateway_id,
                caller=caller,
            )
            check_size(payload, self._event_limit)
        except RequestTooLargeError:
            await send_response(send, _TOO_LARGE)
            return
        except ServiceError:  # why is not said
            await send_response(send, _FORBIDDEN, own)
            return
        try:
            outcome = await self._integration.call(route, payload, trace_id, scope)
        except TimeoutError:
            await send_response(send, self._integration.gave_up, own)
        except InvalidParameterValueError:  # isolated by tenant, whom an HTTP API cannot name
            await send_response(send, INTERNAL_SERVER_ERROR, own)
        except ServiceError:
            await send_response(send, _UNAVAILABLE, own)
        else:
            answer = self._without_cors(_response(outcome, route.payload_format))
            await send_response(send, answer, own + outcome_headers(outcome))

    def _event(
        self,
        route: Route,
        path_parameters: Mapping[str, str],
        scope: Scope,
        *,
        headers: Headers,
        body: bytes,
        gateway_id: str,
        caller: Caller | None,
    ) -> bytes:
        request, now = request_of(scope, headers, body), time.time()
        if route.payload_format is PayloadFormat.V2:
            return event(
                request,
                route,
                path_parameters,
                api=self._facts,
                request_id=gateway_id,
                at_epoch=now,
                authorizer=None if caller is None else {"iam": iam_caller(caller)},
            )
        content_type = dict(headers).get(b"content-type", b"").decode("latin-1")
        path = sent_path(scope)
        return event_v1(
            request,
            Asked(route.path, path_parameters, route.key, path, path),
            inferred_body(body, content_type),
            api=self._facts,
            request_id=gateway_id,
            extended_request_id=gateway_id,
            at_epoch=now,
            identity=identity_of(caller),
            version=route.payload_format,
        )

    def _without_cors(self, answer: HttpResponse) -> HttpResponse:
        """Returns an answer without the function's CORS headers where the API says its own."""
        if self._api.cors is None:
            return answer
        return HttpResponse(answer.status, tuple(without_cors(answer.headers)), answer.body)


def _response(outcome: Outcome, payload_format: PayloadFormat) -> HttpResponse:
    if outcome.throttle is not None:
        return _UNAVAILABLE
    if outcome.function_error or outcome.failure is not None:
        return INTERNAL_SERVER_ERROR
    read = response if payload_format is PayloadFormat.V2 else response_v1
    return read(outcome.payload)


async def not_found(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers what no route takes, as API Gateway does."""
    await send_response(send, NOT_FOUND)
