"""Takes requests for load balancers (ALB), which a request's Host tells.

`http://<function>.elb.localhost:<port>/` serves the functions that `--alb` names. Health checks,
listener rules and target groups with more than one function are left out.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from emulator.api import xray
from emulator.api.asgi import check_size, named_host, outcome_headers, read_body, send_response
from emulator.api.execute_api import call_function
from emulator.api.http_api.event import request_of, sent_path
from emulator.api.invoke.directory import DeployedDirectory
from emulator.api.load_balancer.event import event
from emulator.api.load_balancer.responses import (
    BAD_GATEWAY,
    LIMIT,
    TOO_LARGE,
    UNAVAILABLE,
    response,
)
from emulator.api.network import passage_of
from emulator.errors import RequestTooLargeError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.api.asgi import HttpResponse
    from emulator.api.invoke.directory import Directory
    from emulator.core.load_balancer import Target
    from emulator.core.profile import Profile
    from emulator.live.engine import Engine
    from emulator.live.invocation import Outcome

_MARK = b".elb."
_HOST = re.compile(r"(?P<function>[a-z0-9_-]+)\.elb\.localhost(?::\d+)?")


def load_balancer_url(function: str, port: int) -> str:
    """Returns the URL of a function's load balancer; hosts are in lower case."""
    return f"http://{function.lower()}.elb.localhost:{port}/"


class LoadBalancerRoute:
    """Takes every request whose Host is a load balancer's, whatever its method and path."""

    def __init__(
        self,
        engine: Engine,
        targets: Iterable[Target],
        profile: Profile,
        port: int,
        directory: Directory | None = None,
    ) -> None:
        """Takes the engine's own functions where there is no `directory`."""
        self._directory = directory or DeployedDirectory(engine)
        self._engine = engine
        self._targets = {target.function.lower(): target for target in targets}
        self._event_limit = profile.request_limit
        self._port = port

    def match(self, scope: Scope) -> ASGIApp | None:
        host = named_host(scope, _MARK, _HOST)
        return partial(self._handle, self._targets.get(host["function"])) if host else None

    async def _handle(
        self, target: Target | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if target is None:
            await send_response(send, UNAVAILABLE)
            return
        headers, trace_id = xray.traced(scope["headers"])
        try:
            body = await read_body(receive, LIMIT)
            request = request_of(scope, headers, body)
            payload = event(request, sent_path(scope), target, port=self._port)
            check_size(payload, self._event_limit)
        except RequestTooLargeError:
            await send_response(send, TOO_LARGE)
            return
        try:
            outcome = await call_function(
                self._engine,
                self._directory,
                target.function,
                payload,
                trace_id=trace_id,
                passage=passage_of(scope),
            )
        except ServiceError:
            await send_response(send, UNAVAILABLE)
        else:
            await send_response(send, _answer(outcome, target), outcome_headers(outcome))


def _answer(outcome: Outcome, target: Target) -> HttpResponse:
    if outcome.throttle is not None or outcome.function_error or outcome.failure is not None:
        return BAD_GATEWAY
    return response(outcome.payload, target)
