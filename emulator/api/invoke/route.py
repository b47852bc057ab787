"""Invoke, as a plain ASGI route: bytes pass through, nothing is built that is not sent.

Source: the Lambda API reference (Invoke) and botocore's service model 2015-03-31.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from emulator.api.asgi import JSON, outcome_headers, raise_refusal, read_body, respond
from emulator.api.invoke.invocation_route import InvocationRoute
from emulator.api.invoke.request import check_json, function_key, options
from emulator.api.network import passage_of
from emulator.errors import InvalidParameterValueError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class InvokeRoute(InvocationRoute):
    """Answers POST /2015-03-31/functions/{FunctionName}/invocations."""

    prefix = "/2015-03-31/functions/"
    suffix = "/invocations"

    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = options(scope["headers"])
        key = function_key(scope, self.prefix, self.suffix)
        payload = await read_body(receive, self._profile.request_limit)
        check_json(payload)
        if asked.invocation_type == "DryRun":
            await self._dry_run(key, send)
            return
        if asked.invocation_type == "Event":
            raise InvalidParameterValueError(
                "asynchronous invocation (InvocationType=Event) is not emulated yet"
            )
        outcome = await self._engine.invoke(
            key,
            payload or b"{}",
            trace_id=asked.trace_id,
            client_context=asked.client_context,
            tail=asked.tail,
            passage=passage_of(scope),
        )
        raise_refusal(outcome)
        headers = [JSON, *outcome_headers(outcome)]
        headers.append((b"x-amz-executed-version", outcome.version.encode()))
        if outcome.function_error:
            headers.append((b"x-amz-function-error", outcome.function_error.encode()))
        if asked.tail:
            headers.append((b"x-amz-log-result", base64.b64encode(outcome.log_tail)))
        await respond(send, 200, outcome.payload, headers)
