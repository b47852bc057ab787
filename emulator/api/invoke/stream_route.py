"""Serves InvokeWithResponseStream as a plain ASGI route beside Invoke.

Sources: botocore's service model of Lambda, the developer guide's "Response streaming for Lambda
functions". As with Invoke an error of the function is no error of the call: it stands in the last
message, under the code that Invoke has in X-Amz-Function-Error.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from emulator.api.asgi import (
    begin,
    first_news,
    outcome_headers,
    raise_failed_restore,
    raise_refusal,
    read_body,
    send_piece,
)
from emulator.api.invoke.event_stream import CONTENT_TYPE, invoke_complete, payload_chunk
from emulator.api.invoke.invocation_route import InvocationRoute
from emulator.api.invoke.request import (
    STREAMED_INVOCATION_TYPES,
    check_json,
    options,
)
from emulator.api.network import passage_of
from emulator.live.response_stream import ResponseStream

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from emulator.live.invocation import Outcome


class ResponseStreamRoute(InvocationRoute):
    """Answers POST /2021-11-15/functions/{FunctionName}/response-streaming-invocations."""

    prefix = "/2021-11-15/functions/"
    suffix = "/response-streaming-invocations"

    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = options(scope["headers"], STREAMED_INVOCATION_TYPES)
        payload = await read_body(receive, self._profile.request_limit)
        target = await self._found(scope, asked)
        check_json(payload)
        if asked.invocation_type == "DryRun":
            await self._dry_run(target, asked.tenant, send)
            return
        stream = ResponseStream(
            self._profile.streamed_response_limit,
            self._profile.stream_pace,
            self._engine.dilation,
        )
        outcome = self._engine.invoke(
            target.choose(),
            payload or b"{}",
            trace_id=self._counted(target, asked.trace_id),
            client_context=asked.client_context,
            stream=stream,
            tail=asked.tail,
            passage=passage_of(scope),
            alias=target.alias,
            arn=target.arn,
            tenant=asked.tenant,
        )
        try:
            begun = await first_news(outcome, stream)
            raise_refusal(begun)
            raise_failed_restore(begun)
            await _begin(begun, send)
            await (_pass_on(stream, send) if stream.began.done() else _one_piece(begun, send))
            await _complete(stream, (await outcome).log_tail if asked.tail else b"", send)
        finally:
            stream.abandon()


async def _begin(begun: Outcome, send: Send) -> None:
    headers = [
        (b"content-type", CONTENT_TYPE),
        (b"x-amz-executed-version", begun.version.encode()),
        *outcome_headers(begun),
    ]
    await begin(send, 200, headers)


async def _pass_on(stream: ResponseStream, send: Send) -> None:
    async for piece in stream.pieces():
        await send_piece(send, payload_chunk(piece), more=True)


async def _one_piece(outcome: Outcome, send: Send) -> None:
    if outcome.payload and not outcome.function_error:
        await send_piece(send, payload_chunk(outcome.payload), more=True)


async def _complete(stream: ResponseStream, log_tail: bytes, send: Send) -> None:
    code, details = "", ""
    if stream.error is not None:
        code, details = stream.error.error_type, stream.error.body.decode(errors="replace")
    last = invoke_complete(code, details, base64.b64encode(log_tail).decode())
    await send_piece(send, last, more=False)
