"""Takes requests for function URLs, which a request's Host tells.

`http://<function>.lambda-url.localhost:<port>/` (browsers and curl resolve what ends in .localhost
to this machine), or AWS's own form of the name, which a client must be told to resolve. Sources:
the developer guide's "Invoking Lambda function URLs", "Control access to Lambda function URLs" and
"Response streaming for Lambda functions".

A signature is asked for where AuthType is AWS_IAM, and checked where a gatekeeper stands there.
Owns who may ask and what a function is asked; how its result reads is `responses`' and
`streaming`'s.
"""

from __future__ import annotations

import re
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from emulator.api import xray
from emulator.api.asgi import (
    JSON,
    Headers,
    begin,
    check_size,
    first_news,
    named_host,
    outcome_headers,
    raise_refusal,
    read_body,
    send_error,
    send_piece,
    send_response,
)
from emulator.api.auth.event_callers import iam_caller
from emulator.api.auth.guard import ACCESS_DENIED
from emulator.api.companion.service_name import signed_for
from emulator.api.cors import (
    answer_headers,
    is_preflight,
    preflight_headers,
    without_cors,
)
from emulator.api.function_url.responses import BAD_GATEWAY, NO_SUCH_URL, forbidden, whole
from emulator.api.function_url.streaming import pass_on
from emulator.api.http_api.event import Api, event, request_of
from emulator.api.network import passage_of
from emulator.core.function_url import InvokeMode, UrlAuth
from emulator.core.routes import ANY, DEFAULT, Route
from emulator.core.version_key import LATEST
from emulator.errors import ResourceNotFoundError, ServiceError
from emulator.live.functions.targets import Target
from emulator.live.functions.urls import ServedUrl
from emulator.live.response_stream import ResponseStream
from emulator.live.sandbox.environment import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.api.asgi import HttpResponse
    from emulator.api.auth.gatekeeper import Gatekeeper
    from emulator.api.auth.principals import Caller
    from emulator.core.profile import Profile
    from emulator.live.engine import Engine
    from emulator.live.functions.urls import Urls
    from emulator.live.invocation import Outcome

_MARK = b".lambda-url."
_HOST = re.compile(
    r"(?P<domain>(?P<function>[a-z0-9_-]+)\.lambda-url\.(?:localhost|[a-z0-9-]+\.on\.aws))(?::\d+)?"
)
_ACCESS_KEY = re.compile(r"Credential=([^/,\s]+)/")


def function_url(function: str, port: int) -> str:
    """Returns the URL at which the emulator serves a function; hosts are in lower case."""
    return f"http://{function.lower()}.lambda-url.localhost:{port}/"


class FunctionUrlRoute:
    """Takes every request whose Host is a function URL's, whatever its method and path."""

    def __init__(
        self,
        engine: Engine,
        profile: Profile,
        port: int,
        urls: Urls | None = None,
        gatekeeper: Gatekeeper | None = None,
    ) -> None:
        """Takes the `urls` that may be asked for; without them the engine's functions may."""
        self._engine = engine
        self._profile = profile
        self._port = port
        self._urls = urls
        self._gatekeeper = gatekeeper

    def match(self, scope: Scope) -> ASGIApp | None:
        host = named_host(scope, _MARK, _HOST)
        return partial(self._handle, host) if host else None

    async def _handle(
        self, host: re.Match[str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            served = await self._find(host["function"])
        except ServiceError as error:
            await send_error(send, error)
            return
        if served is None:
            await send_response(send, NO_SUCH_URL)
            return
        api = Api(
            ACCOUNT_ID if served.url.auth is UrlAuth.AWS_IAM else "anonymous",
            host["function"],
            host["domain"],
            self._port,
        )
        request = _UrlRequest(
            self._engine, self._profile, api, served, scope, gatekeeper=self._gatekeeper
        )
        await request.answer(receive, send)

    async def _find(self, host: str) -> ServedUrl | None:
        """Returns what the first word of a host leads to; None where there is no such URL.

        Raises:
            ServiceError: the function cannot be invoked now.
        """
        if self._urls is not None:
            return await self._urls.find(host)
        for function in self._engine.functions.values():
            url = function.function_url
            if url and function.version == LATEST and function.name.lower() == host:
                return ServedUrl(Target(function.key, function.arn, function.arn), url)
        return None


class _UrlRequest:
    """Answers one request to a function that has a URL."""

    def __init__(
        self,
        engine: Engine,
        profile: Profile,
        api: Api,
        served: ServedUrl,
        scope: Scope,
        *,
        gatekeeper: Gatekeeper | None,
    ) -> None:
        self._engine = engine
        self._profile = profile
        self._api = api
        self._target = served.target
        self._key = served.target.choose()
        self._url = served.url
        self._gatekeeper = gatekeeper
        self._caller: Caller | None = None
        self._scope = scope
        self._by_name = dict(scope["headers"])
        cors = self._url.cors
        self._cors = answer_headers(cors, self._by_name) if cors is not None else []

    async def answer(self, receive: Receive, send: Send) -> None:
        if self._url.cors is not None and is_preflight(self._scope["method"], self._by_name):
            headers = preflight_headers(self._url.cors, self._by_name)
            await begin(send, 200, [*headers, (b"content-length", b"0")])
            await send_piece(send, b"", more=False)
        elif self._url.auth is UrlAuth.AWS_IAM and not self._is_signed:
            answer = forbidden(self._profile, "The request is not signed.")
            await send_response(send, answer, self._cors)
        else:
            try:
                await self._invoke(receive, send)
            except ResourceNotFoundError:  # retired in this moment
                await send_response(send, NO_SUCH_URL, self._cors)
            except ServiceError as error:
                if error.code == ACCESS_DENIED:
                    await send_response(send, forbidden(self._profile, str(error)), self._cors)
                else:
                    await send_error(send, error, self._cors)

    @property
    def _is_signed(self) -> bool:
        return signed_for(self._scope["headers"], self._scope["query_string"]) == "lambda"

    async def _invoke(self, receive: Receive, send: Send) -> None:
        if self._gatekeeper is not None:
            receive, identity = await self._gatekeeper.admit_to_url(
                self._scope, receive, self._target.arn, self._url.auth, self._profile
            )
            self._caller = None if identity is None else identity.caller
        body = await read_body(receive, self._profile.request_limit)
        request_id = str(uuid.uuid4())
        headers, trace_id = xray.traced(self._scope["headers"])
        payload = self._event(headers, body, request_id)
        check_size(payload, self._profile.request_limit)
        if self._url.invoke_mode is InvokeMode.RESPONSE_STREAM:
            await self._stream(payload, request_id, trace_id, send)
            return
        outcome = await self._engine.invoke(
            self._key,
            payload,
            request_id=request_id,
            trace_id=trace_id,
            passage=passage_of(self._scope),
            alias=self._target.alias,
            arn=self._target.arn,
        )
        raise_refusal(outcome)
        response = BAD_GATEWAY if outcome.function_error else whole(outcome.payload)
        await self._send(response, outcome, send)

    def _event(self, headers: Headers, body: bytes, request_id: str) -> bytes:
        return event(
            request_of(self._scope, headers, body),
            Route(ANY, DEFAULT, self._key),
            {},
            api=self._api,
            request_id=request_id,
            at_epoch=time.time(),
            authorizer=self._authorizer() if self._url.auth is UrlAuth.AWS_IAM else None,
        )

    def _authorizer(self) -> dict[str, Any]:
        """Returns the event's caller: the one verified, else the account's root.

        The root is under the access key that the request named.
        """
        if self._caller is not None:
            return {"iam": iam_caller(self._caller)}
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

    async def _stream(self, payload: bytes, request_id: str, trace_id: str, send: Send) -> None:
        stream = ResponseStream(
            self._profile.streamed_response_limit,
            self._profile.stream_pace,
            self._engine.dilation,
        )
        outcome = self._engine.invoke(
            self._key,
            payload,
            request_id=request_id,
            trace_id=trace_id,
            stream=stream,
            passage=passage_of(self._scope),
            alias=self._target.alias,
            arn=self._target.arn,
        )
        try:
            begun = await first_news(outcome, stream)
            raise_refusal(begun)
            if stream.began.done():
                await pass_on(stream, partial(self._begin, begun, send), send)
            elif begun.function_error:
                await self._send(BAD_GATEWAY, begun, send)
            else:
                await self._begin(begun, send, 200, [JSON])
                await send_piece(send, begun.payload, more=False)
        finally:
            stream.abandon()

    async def _send(self, response: HttpResponse, outcome: Outcome, send: Send) -> None:
        await self._begin(outcome, send, response.status, response.headers)
        await send_piece(send, response.body, more=False)

    async def _begin(
        self, outcome: Outcome, send: Send, status: int, headers: Iterable[tuple[bytes, bytes]]
    ) -> None:
        """Sends a response's head, with what the emulator and CORS add to these headers."""
        functions = without_cors(headers) if self._cors else headers
        await begin(send, status, [*functions, *self._cors, *outcome_headers(outcome)])
