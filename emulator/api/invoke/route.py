"""Serves Invoke as a plain ASGI route: bytes pass through, nothing is built that is not sent.

Most invocations need not even that: a server that has the whole request at once may `accept` it and
answer with `head` and the outcome's payload.

Source: the Lambda API reference (Invoke) and botocore's service model 2015-03-31.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from emulator.api.asgi import (
    JSON,
    Headers,
    check_size,
    outcome_headers,
    raise_failed_restore,
    raise_refusal,
    read_body,
    read_event,
    respond,
    send_error,
)
from emulator.api.invoke.invocation_route import InvocationRoute
from emulator.api.invoke.request import check_json, options
from emulator.api.network import passage_of
from emulator.core.model import Failure
from emulator.errors import ServiceError, ServiceUnavailableError

if TYPE_CHECKING:
    import asyncio

    from starlette.types import Receive, Scope, Send

    from emulator.api.invoke.directory import Directory
    from emulator.api.invoke.request import Options
    from emulator.core.profile import Profile
    from emulator.live.asynchronous.event_queue import EventQueue
    from emulator.live.engine import Engine
    from emulator.live.functions.targets import Target
    from emulator.live.invocation import Outcome


class InvokeRoute(InvocationRoute):
    """Answers POST /2015-03-31/functions/{FunctionName}/invocations."""

    prefix = "/2015-03-31/functions/"
    suffix = "/invocations"

    def __init__(
        self,
        engine: Engine,
        profile: Profile,
        events: EventQueue | None = None,
        directory: Directory | None = None,
    ) -> None:
        """Takes what keeps asynchronous `events`; without it they are refused."""
        super().__init__(engine, profile, directory)
        self._events = events

    def accept(self, scope: Scope, payload: bytes) -> asyncio.Future[Outcome] | None:
        """Accepts an invocation whose whole request is there; None where only `match` serves it.

        A request that is to be refused is such a one: nothing has happened yet, and the refusal is
        in one place.
        """
        if self.match(scope) is None:
            return None
        try:
            asked = options(scope["headers"])
            if asked.tail or asked.invocation_type != "RequestResponse":
                return None
            words = (scope["path"], scope["query_string"], asked.credential)
            target = self._directory.get(words)
            if target is None:
                return None
            check_size(payload, self._profile.request_limit)
            return self._start(scope, target, asked, payload)
        except ServiceError:
            return None

    def head(self, outcome: Outcome) -> Headers | None:
        """Returns an accepted invocation's response headers; None where only `tell` answers."""
        if outcome.throttle is not None or outcome.failure is Failure.START_FAILED:
            return None
        if outcome.restore_failure is not None:
            return None
        return _headers(outcome)

    def client_left(self, outcome: asyncio.Future[Outcome]) -> None:
        """Takes that an accepted invocation's client has closed its side; it runs all the same."""
        self._engine.caller_left(outcome)

    async def tell(self, outcome: asyncio.Future[Outcome], send: Send) -> None:
        """Answers an accepted invocation, whatever came of it."""
        try:
            await self._tell(await outcome, send, tail=False)
        except ServiceError as error:
            await send_error(send, error)

    def _start(
        self, scope: Scope, target: Target, asked: Options, payload: bytes
    ) -> asyncio.Future[Outcome]:
        check_json(payload)
        return self._engine.invoke(
            target.choose(),
            payload or b"{}",
            trace_id=self._counted(target, asked.trace_id),
            client_context=asked.client_context,
            tail=asked.tail,
            passage=passage_of(scope),
            alias=target.alias,
            arn=target.arn,
            tenant=asked.tenant,
        )

    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = options(scope["headers"])
        if asked.invocation_type == "Event":
            await self._queue(scope, asked, receive, send)
            return
        payload = await read_body(receive, self._profile.request_limit)
        target = await self._found(scope, asked)
        if asked.invocation_type == "DryRun":
            check_json(payload)
            await self._dry_run(target, asked.tenant, send)
            return
        await self._tell(await self._start(scope, target, asked, payload), send, tail=asked.tail)

    async def _queue(self, scope: Scope, asked: Options, receive: Receive, send: Send) -> None:
        """Answers 202 when the event is on the disk, and no earlier."""
        limit = self._profile.async_request_limit
        payload = await read_event(receive, limit)
        check_json(payload)
        target = await self._found(scope, asked)
        self._check_tenant(target, asked.tenant)
        if self._events is None:
            raise ServiceUnavailableError("This emulator keeps no asynchronous events.")
        request_id = await self._events.accept(
            target.arn,
            payload or b"{}",
            asked.trace_id,
            client_context=asked.client_context,
            tenant=asked.tenant,
        )
        await respond(send, 202, b"", [(b"x-amzn-requestid", request_id.encode())])

    async def _tell(self, outcome: Outcome, send: Send, *, tail: bool) -> None:
        raise_refusal(outcome)
        raise_failed_restore(outcome)
        headers = _headers(outcome)
        if tail:
            headers.append((b"x-amz-log-result", base64.b64encode(outcome.log_tail)))
        await respond(send, 200, outcome.payload, headers)


def _headers(outcome: Outcome) -> Headers:
    headers = [JSON, *outcome_headers(outcome)]
    headers.append((b"x-amz-executed-version", outcome.version.encode()))
    if outcome.function_error:
        headers.append((b"x-amz-function-error", outcome.function_error.encode()))
    return headers
