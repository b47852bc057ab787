"""Makes the responses of REST APIs: their own, and those of what a function returns. Pure.

Sources: API Gateway developer guide, "Gateway response types" (statuses and messages), "Lambda
proxy integrations in API Gateway" (output format), "Return binary media from a Lambda proxy
integration" (the first Accept header decides), "Amazon API Gateway important notes" (headers that
are renamed); Lambda developer guide, "Handling errors with an API Gateway API" (500 where Lambda
refuses a request, 502 where a function fails or its result is malformed).
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from emulator.api.asgi import HttpResponse, json_response
from emulator.api.auth.guard import ACCESS_DENIED
from emulator.api.http_api.response import MalformedError, is_functions, stated_body
from emulator.api.http_api.response_v1 import headers_of, stated, status_of, whole
from emulator.core.routes import ANY, METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.core.apis import RestCors
    from emulator.core.resources import Resource
    from emulator.errors import ServiceError

_ERROR_TYPE = b"x-amzn-errortype"
BAD_GATEWAY = json_response(
    502, b'{"message": "Internal server error"}', (_ERROR_TYPE, b"InternalServerErrorException")
)
"""The answer where the function failed, or its result is malformed."""
INTERNAL_SERVER_ERROR = json_response(
    500, b'{"message": "Internal server error"}', (_ERROR_TYPE, b"InternalServerErrorException")
)
"""The answer where Lambda refused the invocation."""
MISSING_TOKEN = json_response(
    403,
    b'{"message":"Missing Authentication Token"}',
    (_ERROR_TYPE, b"MissingAuthenticationTokenException"),
)
"""The answer where no resource has the path and the method, or the signature is missing."""
TOO_LARGE = json_response(
    413,
    b'{"message":"HTTP content length exceeded 10485760 bytes."}',
    (_ERROR_TYPE, b"RequestTooLargeException"),
)
"""The answer to a body that API Gateway does not take."""
TOO_LARGE_FOR_LAMBDA = json_response(
    413, b'{"message":"Request Too Long"}', (_ERROR_TYPE, b"RequestTooLargeException")
)
"""The answer to a body that is too large as an event (trust M)."""


def refused(error: ServiceError) -> HttpResponse:
    """Returns the answer to a caller whose signature is wrong, or who has no right."""
    name = "Message" if error.code == ACCESS_DENIED else "message"
    body = json.dumps({name: str(error)}).encode()
    return json_response(error.status, body, (_ERROR_TYPE, error.code.encode()))


_DEFAULT_TYPE = "application/json"
_RENAMED = frozenset(
    {b"authorization", b"connection", b"content-md5", b"date", b"host", b"server"}
    | {b"trailer", b"upgrade", b"via", b"www-authenticate", b"x-amzn-requestid"}
)
"""Headers that clients get as x-amzn-remapped-…, since their own names are API Gateway's."""
_DROPPED = frozenset({b"content-length", b"keep-alive", b"transfer-encoding"})


def response(result: bytes, binary_media_types: tuple[str, ...], accept: str) -> HttpResponse:
    """Returns what a client of a REST API gets for a function's result.

    A body in base64 is decoded where the first type of the client's Accept header is a binary one.
    """
    try:
        value = stated(result)
        if not is_binary(accept.partition(",")[0], binary_media_types):
            value = {**value, "isBase64Encoded": False}
        status, headers, body = status_of(value), headers_of(value), stated_body(value)
    except MalformedError:
        return BAD_GATEWAY
    return whole(status, list(_renamed(headers)), body, _DEFAULT_TYPE.encode())


def _renamed(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    for name, value in headers:
        if name in _RENAMED:
            yield b"x-amzn-remapped-" + name, value
        elif name not in _DROPPED and is_functions(name):
            yield name, value


def is_binary(content_type: str, binary_media_types: tuple[str, ...]) -> bool:
    """Returns whether a media type, with or without parameters, is one of an API's binary types.

    A client that names none means `application/json`.
    """
    kind = content_type.partition(";")[0].strip().lower() or _DEFAULT_TYPE
    return any(_pattern(stated).fullmatch(kind) for stated in binary_media_types)


@lru_cache(maxsize=256)
def _pattern(media_type: str) -> re.Pattern[str]:
    return re.compile(re.escape(media_type.lower()).replace(r"\*", ".*"))


def options(cors: RestCors, resource: Resource) -> HttpResponse:
    """Returns the answer to OPTIONS that SAM's Cors lets API Gateway give itself."""
    methods = set(resource.methods)
    allowed = METHODS - {ANY} if ANY in methods else {*methods, "OPTIONS"}
    stated = {
        b"access-control-allow-origin": cors.allow_origin,
        b"access-control-allow-methods": cors.allow_methods or ",".join(sorted(allowed)),
        b"access-control-allow-headers": cors.allow_headers,
        b"access-control-max-age": cors.max_age,
        b"access-control-allow-credentials": "true" if cors.allow_credentials else "",
    }
    body = b"{}"
    headers = [(name, value.encode()) for name, value in stated.items() if value]
    return json_response(200, body, *headers)


def own_headers(
    request_id: str, extended_request_id: str, trace: Mapping[bytes, bytes]
) -> list[tuple[bytes, bytes]]:
    """Returns the headers that every answer of a REST API has."""
    named = [
        (b"x-amzn-requestid", request_id.encode()),
        (b"x-amz-apigw-id", extended_request_id.encode()),
    ]
    root = trace.get(b"x-amzn-trace-id")
    return [*named, (b"x-amzn-trace-id", root)] if root else named
