"""HTTP requests to API Gateway events in payload format 2.0, and results back to responses.

Pure: time and ids come in. Sources: API Gateway developer guide, "Create AWS Lambda proxy
integrations for HTTP APIs" (the format, and what is inferred of a result); the answers of real
API Gateway that AWS recorded for its Lambda Test Tool v2 (aws/aws-lambda-dotnet,
Tools/LambdaTestTool-v2/tests/…/Snapshots), where the guide is silent or wrong:

- the path and its parameters are percent-decoded, the raw query string is not;
- a result that is no JSON is a body too, and a result that is a JSON string is that string;
- a result with a status and no content type is `text/plain; charset=utf-8`.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from emulator.core.routes import Route

Headers = tuple[tuple[bytes, bytes], ...]
"""As ASGI has them: names in lower case, both in Latin-1."""


@dataclass(frozen=True, slots=True)
class Api:
    """What the events of one HTTP API have in common."""

    account_id: str
    api_id: str
    domain_name: str
    port: int
    """Where clients reach it; with `scheme` it stands in the x-forwarded headers."""
    scheme: str = "http"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str
    path: str
    """Percent-decoded."""
    query: bytes
    """As it was sent, without the question mark."""
    headers: Iterable[tuple[bytes, bytes]]
    body: bytes
    source_ip: str
    protocol: str = "HTTP/1.1"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    status: int
    headers: Headers
    body: bytes


def json_response(status: int, body: bytes) -> HttpResponse:
    """A response of the gateway's own."""
    length = b"%d" % len(body)
    headers = ((b"content-type", b"application/json"), (b"content-length", length))
    return HttpResponse(status, headers, body)


NOT_FOUND = json_response(404, b'{"message":"Not Found"}')
"""No route takes the request."""
INTERNAL_SERVER_ERROR = json_response(500, b'{"message":"Internal Server Error"}')
"""The function failed, or its result cannot be made a response."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def event(
    request: HttpRequest,
    route: Route,
    path_parameters: Mapping[str, str],
    *,
    api: Api,
    request_id: str,
    at_epoch: float,
    authorizer: Mapping[str, Any] | None = None,
) -> bytes:
    """The event of a request that `route` takes, as JSON.

    What a request has not, its event has not: cookies, query and path parameters, a body.
    `at_epoch` is when the request arrived, in seconds; `authorizer` tells of its caller.
    """
    headers, cookies = _headers(request, api)
    key = route.key
    built: dict[str, Any] = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": request.path,
        "rawQueryString": request.query.decode("latin-1"),
    }
    if cookies:
        built["cookies"] = cookies
    built["headers"] = headers
    if request.query and (parameters := _parameters(built["rawQueryString"])):
        built["queryStringParameters"] = parameters
    built["requestContext"] = {
        "accountId": api.account_id,
        "apiId": api.api_id,
        "domainName": api.domain_name,
        "domainPrefix": api.domain_name.partition(".")[0],
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": key,
        "stage": "$default",
        "time": _common_log_time(int(at_epoch)),
        "timeEpoch": int(at_epoch * 1000),
    }
    if authorizer is not None:
        built["requestContext"]["authorizer"] = authorizer
    if path_parameters:
        built["pathParameters"] = path_parameters
    encoded = False
    if request.body:
        built["body"], encoded = _body(request.body, headers.get("content-type", ""))
    built["isBase64Encoded"] = encoded
    return _encode(built)


def response(result: bytes) -> HttpResponse:
    """What a client gets for a function's result.

    An object with a `statusCode` says it all itself, and is an Internal Server Error where API
    Gateway could not follow it; anything else is the body of a 200.
    """
    return inferred(result, structured, INTERNAL_SERVER_ERROR)


def inferred(
    result: bytes, said: Callable[[dict[str, Any]], HttpResponse], broken: HttpResponse
) -> HttpResponse:
    """As `response`: `said` reads an object with a `statusCode`, `broken` is for one that it
    cannot follow.
    """
    try:
        value = _decode(result)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return json_response(200, result)
    if isinstance(value, dict) and "statusCode" in value:
        try:
            return said(value)
        except (MalformedError, ValueError):
            return broken
    return json_response(200, value.encode() if isinstance(value, str) else result)


def is_text(content_type: str) -> bool:
    """Whether API Gateway hands on a body of this type as text, and not in base64.

    Measured on real API Gateway (ministackorg/ministack, pull request 766): text/*,
    application/json, application/javascript and application/xml are text; every other type,
    application/x-www-form-urlencoded among them, and no type at all are base64. That names no
    type with a +json or +xml suffix; they are taken for text here.
    """
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXTUAL or kind.endswith(("+json", "+xml"))


_TEXTUAL = frozenset({"application/json", "application/javascript", "application/xml"})
_is_text = lru_cache(maxsize=256)(is_text)


def _headers(request: HttpRequest, api: Api) -> tuple[dict[str, str], list[str]]:
    """Repeated headers are joined with a comma; cookies stand apart."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "cookie":
            cookies += [cookie for part in value.split(";") if (cookie := part.strip())]
        elif name in headers:
            headers[name] += f",{value}"
        else:
            headers[name] = value
    earlier = headers.get("x-forwarded-for")
    headers["x-forwarded-for"] = f"{earlier}, {request.source_ip}" if earlier else request.source_ip
    headers["x-forwarded-port"] = str(api.port)
    headers["x-forwarded-proto"] = api.scheme
    return headers, cookies


def _parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    """The body and whether it is in base64; so is text that is not UTF-8, or it would be lost."""
    if _is_text(content_type):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii"), True


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=8)
def _common_log_time(at_epoch: int) -> str:
    """`12/Mar/2020:19:03:58 +0000`, whatever the locale."""
    at = time.gmtime(at_epoch)
    day = f"{at.tm_mday:02}/{_MONTHS[at.tm_mon - 1]}/{at.tm_year}"
    return f"{day}:{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} +0000"


class MalformedError(Exception):
    """A result has a statusCode, and a member that cannot be followed."""


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING = frozenset(
    {b"connection", b"content-length", b"keep-alive", b"transfer-encoding", b"upgrade"}
)
"""Headers about one connection, which is the gateway's."""
BODILESS = frozenset({204, 304})
"""The statuses of responses that have no body."""


def structured(
    value: dict[str, Any], untyped: bytes = b"text/plain; charset=utf-8"
) -> HttpResponse:
    """The response that an object with a `statusCode` says; `untyped` where it names no type.

    Raises:
        MalformedError: a member is not as it must be.
        ValueError: a character that no header can have.
    """
    status = value["statusCode"]
    # a float or a text is refused: recorded with 200.5 (StatusCodeAsFloat in the snapshots)
    if not isinstance(status, int) or not 200 <= status <= 599:  # noqa: PLR2004
        raise MalformedError
    headers = _response_headers(value.get("headers") or {})
    if not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", untyped))
    cookies = value.get("cookies") or ()
    if not isinstance(cookies, (list, tuple)):
        raise MalformedError
    headers += [(b"set-cookie", _header_value(cookie)) for cookie in cookies]
    body = _response_body(value)
    if status in BODILESS:
        return HttpResponse(status, tuple(headers), b"")
    headers.append((b"content-length", b"%d" % len(body)))
    return HttpResponse(status, tuple(headers), body)


def _response_headers(stated: object) -> list[tuple[bytes, bytes]]:
    if not isinstance(stated, dict):
        raise MalformedError
    named = [(_header_name(name), value) for name, value in stated.items()]
    return [(name, _header_value(value)) for name, value in named if name not in _FRAMING]


@lru_cache(maxsize=256)
def _header_name(name: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise MalformedError
    return name.lower().encode("ascii")


def _header_value(value: object) -> bytes:
    """Numbers and booleans are written as JSON writes them.

    Raises:
        ValueError: a character that is not in Latin-1.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, (bool, int, float)):
        text = _encode(value).decode()
    else:
        raise MalformedError
    if "\n" in text or "\r" in text or "\0" in text:
        raise MalformedError
    return text.encode("latin-1")


def _response_body(value: dict[str, Any]) -> bytes:
    body, encoded = value.get("body"), value.get("isBase64Encoded")
    if body is None:
        return b""
    if not isinstance(body, str) or not (encoded is None or isinstance(encoded, bool)):
        raise MalformedError
    if not encoded:
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise MalformedError from error
