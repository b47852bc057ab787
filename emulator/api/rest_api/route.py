"""Takes the requests for one REST API, whose events are of payload format 1.0.

Source: API Gateway developer guide, REST APIs. Requests come under the API's own host or on the
gateway's plain address, in both with the stage first in their paths. A signature is asked for where
a method's authorization is AWS_IAM. Other authorizers, API keys and usage plans, mappings (which
are no proxy integrations), caches and response streaming are left out.
"""

from __future__ import annotations

import base64
import time
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from emulator.api import xray
from emulator.api.asgi import HttpResponse, check_size, outcome_headers, send_response
from emulator.api.execute_api import (
    Integration,
    admitted_body,
    facts_of,
    named_api,
    new_gateway_id,
    within_stage,
)
from emulator.api.http_api.event import request_of, sent_path
from emulator.api.http_api.event_v1 import Asked, event_v1, identity_of, resource_id
from emulator.api.rest_api.responses import (
    BAD_GATEWAY,
    INTERNAL_SERVER_ERROR,
    MISSING_TOKEN,
    TOO_LARGE,
    TOO_LARGE_FOR_LAMBDA,
    is_binary,
    options,
    own_headers,
    refused,
    response,
)
from emulator.core.resources import ResourceTree
from emulator.errors import RequestTooLargeError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.api.asgi import Headers
    from emulator.api.auth.gatekeeper import Gatekeeper
    from emulator.api.auth.principals import Caller
    from emulator.api.invoke.directory import Directory
    from emulator.core.apis import RestApi
    from emulator.core.profile import Profile
    from emulator.core.resources import Resource
    from emulator.core.routes import Route
    from emulator.live.engine import Engine
    from emulator.live.invocation import Outcome


@dataclass(frozen=True, slots=True)
class _Ids:
    request: str
    extended: str


class RestApiRoute:
    """Takes every request whose path begins with one REST API's stage."""

    def __init__(
        self,
        engine: Engine,
        api: RestApi,
        profile: Profile,
        port: int,
        *,
        directory: Directory | None = None,
        gatekeeper: Gatekeeper | None = None,
    ) -> None:
        self._gatekeeper = gatekeeper
        self._api = api
        self._tree = ResourceTree(api.routes)
        self._integration = Integration(engine, profile.rest_integration_timeout, directory)
        self._event_limit = profile.request_limit
        self._prefix = f"/{api.stage}"
        self._facts = facts_of(api, port)

    def match(self, scope: Scope) -> ASGIApp | None:
        named = named_api(scope)
        if named not in (None, self._api.id):
            return None
        within = within_stage(scope["path"], self._prefix)
        if within is None:
            return self._refuse if named else None
        found = self._tree.find(within)
        if found is None:
            return self._refuse
        resource, path_parameters = found
        method = scope["method"]
        if method == "OPTIONS" and self._api.cors and method not in resource.methods:
            return partial(self._options, resource)
        route = resource.route(method)
        if route is None:
            return self._refuse
        return partial(self._handle, route, path_parameters)

    async def _refuse(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await send_response(send, MISSING_TOKEN, _own(scope["headers"], _new_ids()))

    async def _options(
        self, resource: Resource, scope: Scope, _receive: Receive, send: Send
    ) -> None:
        assert self._api.cors is not None
        answer = options(self._api.cors, resource)
        await send_response(send, answer, _own(scope["headers"], _new_ids()))

    async def _handle(
        self,
        route: Route,
        path_parameters: Mapping[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        ids = _new_ids()
        headers, trace_id = xray.traced(scope["headers"])
        own = _own(headers, ids)
        try:
            body, caller = await admitted_body(route, self._gatekeeper, self._facts, scope, receive)
        except RequestTooLargeError:
            await send_response(send, TOO_LARGE, own)
            return
        except ServiceError as error:
            await send_response(send, refused(error), own)
            return
        payload = self._event(
            route, path_parameters, scope, headers=headers, body=body, ids=ids, caller=caller
        )
        try:
            check_size(payload, self._event_limit)
            outcome = await self._integration.call(route, payload, trace_id, scope)
        except RequestTooLargeError:
            await send_response(send, TOO_LARGE_FOR_LAMBDA, own)
        except TimeoutError:
            await send_response(send, self._integration.gave_up, own)
        except ServiceError:
            await send_response(send, INTERNAL_SERVER_ERROR, own)
        else:
            accept = dict(headers).get(b"accept", b"").decode("latin-1")
            await send_response(send, self._response(outcome, accept), own + _testbeds(outcome))

    def _event(
        self,
        route: Route,
        path_parameters: Mapping[str, str],
        scope: Scope,
        *,
        headers: Headers,
        body: bytes,
        ids: _Ids,
        caller: Caller | None,
    ) -> bytes:
        whole = sent_path(scope)
        path = whole.removeprefix(self._prefix) or "/"
        return event_v1(
            request_of(scope, headers, body),
            Asked(route.path, path_parameters, resource_id(route.path), path, whole),
            self._body(headers, body),
            api=self._facts,
            request_id=ids.request,
            extended_request_id=ids.extended,
            at_epoch=time.time(),
            identity=identity_of(caller),
        )

    def _body(self, headers: Headers, body: bytes) -> tuple[str, bool]:
        content_type = dict(headers).get(b"content-type", b"").decode("latin-1")
        if is_binary(content_type, self._api.binary_media_types):
            return base64.b64encode(body).decode("ascii"), True
        return body.decode("utf-8", "replace"), False

    def _response(self, outcome: Outcome, accept: str) -> HttpResponse:
        if outcome.throttle is not None:
            return INTERNAL_SERVER_ERROR
        if outcome.function_error or outcome.failure is not None:
            return BAD_GATEWAY
        return response(outcome.payload, self._api.binary_media_types, accept)


def _new_ids() -> _Ids:
    return _Ids(str(uuid.uuid4()), new_gateway_id())


def _own(headers: Headers, ids: _Ids) -> Headers:
    return own_headers(ids.request, ids.extended, dict(headers))


def _testbeds(outcome: Outcome) -> Headers:
    """Returns the testbed's headers without the name that belongs to the request's own id here."""
    return [header for header in outcome_headers(outcome) if header[0].startswith(b"x-testbed-")]
