"""Function URLs: each function's own HTTP endpoint, told by the request's Host.

`http://<function>.lambda-url.localhost:<port>/` (browsers and curl resolve what ends in .localhost
to this machine), or AWS's own form of the name, which a client must be told to resolve. Sources:
the developer guide's "Invoking Lambda function URLs", "Control access to Lambda function URLs" and
"Response streaming for Lambda functions".

A signature is asked for where AuthType is AWS_IAM, and not checked: there are no secrets here.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from starlette.routing import BaseRoute, Match, NoMatchFound

from emulator.api import xray
from emulator.api.asgi import outcome_headers, raise_refusal, send_error
from emulator.api.companion.service_name import signed_for
from emulator.api.function_url.cors import (
    answer_headers,
    is_preflight,
    preflight_headers,
    without_cors,
)
from emulator.api.function_url.responses import (
    BAD_GATEWAY,
    FORBIDDEN,
    NO_SUCH_URL,
    PRELUDE_TYPE,
    Prelude,
    PreludeError,
    whole,
)
from emulator.api.http_api.payload import BODILESS, Api, HttpRequest, event
from emulator.api.invoke.request import check_size, read_body
from emulator.api.invoke.stream_route import begun_or_done
from emulator.core.function_url import InvokeMode, UrlAuth
from emulator.core.routes import ANY, DEFAULT, Route
from emulator.errors import ResourceNotFoundError, ServiceError
from emulator.live.response_stream import ResponseStream
from emulator.live.sandbox.environment import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from starlette.datastructures import URLPath
    from starlette.types import Receive, Scope, Send

    from emulator.api.http_api.payload import HttpResponse
    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.function_url import FunctionUrl
    from emulator.core.profile import Profile
    from emulator.live.engine import Engine
    from emulator.live.invocation import Outcome

Headers = list[tuple[bytes, bytes]]

_MARK = b".lambda-url."
_HOST = re.compile(
    r"(?P<domain>(?P<function>[a-z0-9_-]+)\.lambda-url\.(?:localhost|[a-z0-9-]+\.on\.aws))(?::\d+)?"
)
_ACCESS_KEY = re.compile(r"Credential=([^/,\s]+)/")


def function_url(function: str, port: int) -> str:
    """Where the emulator serves it; a host's name knows no case."""
    return f"http://{function.lower()}.lambda-url.localhost:{port}/"


class FunctionUrlRoute(BaseRoute):
    """Takes every request whose Host is a function URL's, whatever its method and path."""

    def __init__(self, engine: Engine, profile: Profile, port: int) -> None:
        self._engine = engine
        self._profile = profile
        self._port = port

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host":
                    if _MARK not in value.lower():
                        break
                    found = _HOST.fullmatch(value.decode("latin-1").lower())
                    return (Match.FULL, {"testbed.host": found}) if found else (Match.NONE, {})
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        function = self._function(scope["testbed.host"]["function"])
        if function is None or function.function_url is None:
            await _send(NO_SUCH_URL, [], send)
            return
        request = _UrlRequest(self._engine, self._profile, self._port, function, scope)
        await request.answer(receive, send)

    def _function(self, name: str) -> FunctionConfiguration | None:
        for function in self._engine.functions.values():
            if function.version == "$LATEST" and function.name.lower() == name:
                return function
        return None


class _UrlRequest:
    """One request to a function that has a URL."""

    def __init__(
        self,
        engine: Engine,
        profile: Profile,
        port: int,
        function: FunctionConfiguration,
        scope: Scope,
    ) -> None:
        assert function.function_url is not None
        self._engine = engine
        self._profile = profile
        self._port = port
        self._key = function.key
        self._url: FunctionUrl = function.function_url
        self._scope = scope
        self._by_name = dict(scope["headers"])
        cors = self._url.cors
        self._cors = answer_headers(cors, self._by_name) if cors is not None else []

    async def answer(self, receive: Receive, send: Send) -> None:
        if self._url.cors is not None and is_preflight(self._scope["method"], self._by_name):
            headers = preflight_headers(self._url.cors, self._by_name)
            headers.append((b"content-length", b"0"))
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        elif self._url.auth is UrlAuth.AWS_IAM and not self._is_signed:
            await _send(FORBIDDEN, self._cors, send)
        else:
            try:
                await self._invoke(receive, send)
            except ResourceNotFoundError:  # retired in this moment
                await _send(NO_SUCH_URL, self._cors, send)
            except ServiceError as error:
                await send_error(send, error, self._cors)

    @property
    def _is_signed(self) -> bool:
        return signed_for(self._scope["headers"], self._scope["query_string"]) == "lambda"

    async def _invoke(self, receive: Receive, send: Send) -> None:
        body = await read_body(receive, self._profile.request_limit)
        request_id = str(uuid.uuid4())
        headers, trace_id = xray.traced(self._scope["headers"])
        payload = self._event(headers, body, request_id)
        check_size(payload, self._profile.request_limit)
        if self._url.invoke_mode is InvokeMode.RESPONSE_STREAM:
            await self._streamed(payload, request_id, trace_id, send)
            return
        outcome = await self._engine.invoke(
            self._key, payload, request_id=request_id, trace_id=trace_id
        )
        raise_refusal(outcome)
        answer = BAD_GATEWAY if outcome.function_error else whole(outcome.payload)
        await self._send(answer, outcome, send)

    def _event(self, headers: Headers, body: bytes, request_id: str) -> bytes:
        scope, found = self._scope, self._scope["testbed.host"]
        client = scope.get("client")
        iam = self._url.auth is UrlAuth.AWS_IAM
        return event(
            HttpRequest(
                scope["method"],
                scope["path"],
                scope["query_string"],
                headers,
                body,
                client[0] if client else "127.0.0.1",
                f"HTTP/{scope['http_version']}",
            ),
            Route(ANY, DEFAULT, self._key),
            {},
            api=Api(
                ACCOUNT_ID if iam else "anonymous", found["function"], found["domain"], self._port
            ),
            request_id=request_id,
            at_epoch=time.time(),
            authorizer=self._authorizer() if iam else None,
        )

    def _authorizer(self) -> dict[str, Any]:
        """The caller is the account's root, under the access key that it named."""
        credential = self._by_name.get(b"authorization", b"").decode("latin-1")
        if not credential:
            credential = unquote_plus(self._scope["query_string"].decode("latin-1"))
        found = _ACCESS_KEY.search(credential)
        return {
            "iam": {
                "accessKey": found[1] if found else "",
                "accountId": ACCOUNT_ID,
                "callerId": ACCOUNT_ID,
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": f"arn:aws:iam::{ACCOUNT_ID}:root",
                "userId": ACCOUNT_ID,
            }
        }

    # responses in pieces

    async def _streamed(self, payload: bytes, request_id: str, trace_id: str, send: Send) -> None:
        stream = ResponseStream(self._profile.streamed_response_limit)
        outcome = self._engine.invoke(
            self._key, payload, request_id=request_id, trace_id=trace_id, stream=stream
        )
        try:
            begun = await begun_or_done(outcome, stream)
            raise_refusal(begun)
            if stream.began.done():
                await self._pass_on(stream, begun, send)
            elif begun.function_error:
                await self._send(BAD_GATEWAY, begun, send)
            else:
                headers: Headers = [(b"content-type", b"application/json")]
                await self._begin(200, headers, begun, send)
                await send({"type": "http.response.body", "body": begun.payload})
        finally:
            stream.abandon()

    async def _pass_on(self, stream: ResponseStream, begun: Outcome, send: Send) -> None:
        """Where the stream breaks off, so does the answer: the server then cuts the connection."""
        pieces = stream.pieces()
        if stream.content_type == PRELUDE_TYPE:
            head = await _prelude(pieces)
            if head is None:
                await self._send(BAD_GATEWAY, begun, send)
                return
            status, headers, piece = head
        else:
            status, headers = 200, ((b"content-type", stream.content_type.encode("latin-1")),)
            piece = await anext(pieces, b"")
            if not piece and stream.error is not None:
                await self._send(BAD_GATEWAY, begun, send)
                return
        await self._begin(status, headers, begun, send)
        if status in BODILESS:
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        async for following in pieces:
            await send({"type": "http.response.body", "body": following, "more_body": True})
        if stream.error is None:
            await send({"type": "http.response.body", "body": b""})

    async def _send(self, answer: HttpResponse, outcome: Outcome, send: Send) -> None:
        await self._begin(answer.status, answer.headers, outcome, send)
        await send({"type": "http.response.body", "body": answer.body})

    async def _begin(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], outcome: Outcome, send: Send
    ) -> None:
        said = without_cors(headers) if self._cors else list(headers)
        said += [*self._cors, *outcome_headers(outcome)]
        await send({"type": "http.response.start", "status": status, "headers": said})


async def _prelude(
    pieces: AsyncIterator[bytes],
) -> tuple[int, tuple[tuple[bytes, bytes], ...], bytes] | None:
    """The stream's own head; None where there is none, or no end of it."""
    prelude = Prelude()
    try:
        async for piece in pieces:
            if (head := prelude.feed(piece)) is not None:
                return head
    except PreludeError:
        pass
    return None


async def _send(answer: HttpResponse, more: Headers, send: Send) -> None:
    headers = [*answer.headers, *more]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
