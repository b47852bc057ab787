"""Finds the API that a request's host names, and calls the functions behind APIs.

Shared by HTTP APIs and REST APIs. An API is served under a host of its own,
`http://<api>.execute-api.localhost:<port>/` (browsers and curl resolve what ends in .localhost to
this machine) or AWS's own form of the name, and on the gateway's plain address as well.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
from typing import TYPE_CHECKING

from emulator.api.asgi import json_response, named_host, read_body, send_response
from emulator.api.auth.signature import MISSING
from emulator.api.cloudwatch.watched_route import integration
from emulator.api.companion.service_name import signed_for
from emulator.api.http_api.event import Api
from emulator.api.invoke.directory import DeployedDirectory
from emulator.api.network import passage_of
from emulator.api.services.calls import ServiceError
from emulator.core.routes import RouteAuth
from emulator.live.sandbox.environment import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from emulator.api.auth.gatekeeper import Gatekeeper
    from emulator.api.auth.principals import Caller
    from emulator.api.invoke.directory import Directory
    from emulator.core.apis import Api as AnyApi
    from emulator.core.network_path import Passage
    from emulator.core.profile import IntegrationTimeout
    from emulator.core.routes import Route
    from emulator.live.engine import Engine
    from emulator.live.invocation import Outcome

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes of a request's body, API Gateway's most."""
_MARK = b".execute-api."
_HOST = re.compile(
    r"(?P<id>[a-z0-9-]+)\.execute-api\.(?:localhost|[a-z0-9-]+\.amazonaws\.com)(?::\d+)?"
)
_FORBIDDEN = json_response(403, b'{"message":"Forbidden"}')


def domain_of(api: str) -> str:
    """Returns the host name that AWS would give an API, which events have."""
    return f"{api}.execute-api.{REGION}.amazonaws.com"


def api_url(api: str, port: int) -> str:
    """Returns the URL at which the emulator serves an API, without a stage."""
    return f"http://{api}.execute-api.localhost:{port}"


def named_api(scope: Scope) -> str | None:
    """Returns the API that a request's host names; None for the gateway's plain address."""
    found = named_host(scope, _MARK, _HOST)
    return found["id"] if found else None


def facts_of(api: AnyApi, port: int) -> Api:
    """Returns what events tell of an API."""
    return Api(
        ACCOUNT_ID, api.id, domain_of(api.id), port, stage=api.stage, variables=api.variables
    )


def within_stage(path: str, prefix: str) -> str | None:
    """Returns what follows a stage in a path; None where the path is not the stage's."""
    within = path.removeprefix(prefix)
    if within == path or (within and within[0] != "/"):
        return None
    return within or "/"


async def admitted_body(
    route: Route, gatekeeper: Gatekeeper | None, api: Api, scope: Scope, receive: Receive
) -> tuple[bytes, Caller | None]:
    """Reads the body of a request for a route, and returns the caller as far as known.

    Raises:
        ServiceError: the route asks who calls, and the caller is refused.
        RequestTooLargeError: the body is above API Gateway's limit.
    """
    caller = None
    if route.auth is RouteAuth.AWS_IAM:
        receive, caller = await _admitted(gatekeeper, api, scope, receive)
    return await read_body(receive, BODY_LIMIT), caller


async def _admitted(
    gatekeeper: Gatekeeper | None, api: Api, scope: Scope, receive: Receive
) -> tuple[Receive, Caller | None]:
    """Checks a request for a route whose authorization is AWS_IAM.

    Without a gatekeeper a signature must be there, and nobody looks at it. Returns the body, to be
    read once more, and the caller as far as known.

    Raises:
        ServiceError: the caller is refused.
        RequestTooLargeError: the body is above API Gateway's limit.
    """
    if gatekeeper is None:
        if signed_for(scope["headers"], scope["query_string"]) != "execute-api":
            raise ServiceError(MISSING, "Missing Authentication Token", 403)
        return receive, None
    path = scope["path"].removeprefix(f"/{api.stage}")
    arn = (
        f"arn:aws:execute-api:{REGION}:{api.account_id}:{api.api_id}/{api.stage}/"
        f"{scope['method']}/{path.removeprefix('/')}"
    )
    receive, identity = await gatekeeper.admit_to_api(scope, receive, BODY_LIMIT, arn)
    return receive, identity.caller


class UnknownApiRoute:
    """Refuses what asks for an API that is not there; stands after the routes of all APIs."""

    def match(self, scope: Scope) -> UnknownApiRoute | None:
        return None if named_api(scope) is None else self

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send_response(send, _FORBIDDEN)


def new_gateway_id() -> str:
    """Returns an id as API Gateway gives requests: base64 of random bytes, `JKJaXmPLvHcESHA=`."""
    return base64.b64encode(os.urandom(11)).decode().replace("+", "-").replace("/", "_")


class Integration:
    """Calls functions, no longer than API Gateway waits for them."""

    def __init__(
        self, engine: Engine, limit: IntegrationTimeout, directory: Directory | None = None
    ) -> None:
        """Takes the engine's own functions where there is no `directory`."""
        self._engine = engine
        self._directory = directory or DeployedDirectory(engine)
        self.gave_up = json_response(limit.status, limit.body)
        """The answer where a function took too long."""
        self._seconds = limit.seconds

    async def call(self, route: Route, payload: bytes, trace_id: str, scope: Scope) -> Outcome:
        """Invokes a route's function for a request.

        Raises:
            TimeoutError: the function took too long for API Gateway, and runs on.
            ServiceError: Lambda refused: the function is gone, or not active.
        """
        with integration(scope):
            async with asyncio.timeout(self._seconds * self._engine.dilation):
                return await call_function(
                    self._engine,
                    self._directory,
                    route.function,
                    payload,
                    trace_id=trace_id,
                    passage=passage_of(scope),
                )


async def call_function(
    engine: Engine,
    directory: Directory,
    function: str,
    payload: bytes,
    *,
    trace_id: str,
    passage: Passage,
) -> Outcome:
    """Invokes a function by its name, or by its name and alias.

    Raises:
        ServiceError: Lambda refused: the function is gone, or not active.
    """
    words = (function, b"", b"")
    target = directory.get(words) or await directory.find(words)
    return await engine.invoke(
        target.choose(),
        payload,
        trace_id=trace_id,
        passage=passage,
        alias=target.alias,
        arn=target.arn,
    )
