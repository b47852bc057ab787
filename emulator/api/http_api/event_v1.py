"""Makes API Gateway's events of payload format 1.0 of HTTP requests. Pure: time and ids come in.

REST APIs know this format alone; a route of an HTTP API may ask for it. Sources: API Gateway
developer guide, "Lambda proxy integrations in API Gateway" (input format, multi-value headers and
query string parameters), "Create AWS Lambda proxy integrations for HTTP APIs" (format 1.0), "Amazon
API Gateway important notes" (REST APIs decode path and query parameters); mangum, which decodes
`path` itself, for the path as the client sent it (trust M).

Names of headers come as clients send them on AWS. Here they come in lower case from the server, and
are written as most clients of HTTP/1.1 send them: `Content-Type`, `X-Amzn-Trace-Id`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from emulator.api.auth.event_callers import identity_caller
from emulator.api.http_api.event import common_log_time
from emulator.api.multi_values import grouped, last_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.auth.principals import Caller
    from emulator.api.http_api.event import Api, HttpRequest

_encode = msgspec.json.Encoder().encode
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

NOBODY: Mapping[str, str | None] = dict.fromkeys(
    (
        *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider"),
        *("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
        *("principalOrgId", "user", "userArn"),
    )
)
"""The caller of a request that nobody signed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Holds the route and the path that a request asks for."""

    resource: str
    """The route's path, `/items/{id}`."""
    path_parameters: Mapping[str, str]
    resource_id: str
    path: str
    """The path as the client sent it: without the stage for REST APIs, with it for HTTP APIs."""
    whole_path: str
    """The path with the stage, where the API's paths have one."""


def identity_of(caller: Caller | None) -> Mapping[str, str | None]:
    """Returns who asks, as `requestContext.identity` has it."""
    return NOBODY if caller is None else {**NOBODY, **identity_caller(caller)}


def resource_id(path: str) -> str:
    """Returns a REST resource's id: six letters and digits, the same for a path at all times."""
    number = int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big")
    return "".join(_DIGITS[number // 36**place % 36] for place in range(6))


def event_v1(
    request: HttpRequest,
    asked: Asked,
    body: tuple[str, bool],
    *,
    api: Api,
    request_id: str,
    extended_request_id: str,
    at_epoch: float,
    identity: Mapping[str, str | None] = NOBODY,
    version: str = "",
) -> bytes:
    """Returns the event of a request, as JSON.

    `body` is the body as text, and whether that is base64. `at_epoch` is when the request arrived,
    in seconds; `identity` tells of its caller; `version` is there for HTTP APIs alone.
    """
    headers = _headers(request, api)
    query = grouped(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True))
    built: dict[str, Any] = {"version": version} if version else {}
    built |= {
        "resource": asked.resource,
        "path": asked.path,
        "httpMethod": request.method,
        "headers": last_of(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": last_of(query) or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": {
            **_of_the_api(api),
            "extendedRequestId": extended_request_id,
            "httpMethod": request.method,
            "identity": {
                **identity,
                "sourceIp": request.source_ip,
                "userAgent": headers.get("User-Agent", [""])[-1],
            },
            "path": asked.whole_path,
            "protocol": request.protocol,
            "requestId": request_id,
            **_of_the_time(at_epoch),
            "resourceId": asked.resource_id,
            "resourcePath": asked.resource,
            "stage": api.stage,
        },
        "pathParameters": asked.path_parameters or None,
        "stageVariables": dict(api.variables) or None,
        "body": body[0] if request.body else None,
        "isBase64Encoded": body[1] if request.body else False,
    }
    return _encode(built)


def _of_the_api(api: Api) -> dict[str, str]:
    return {
        "accountId": api.account_id,
        "apiId": api.api_id,
        "domainName": api.domain_name,
        "domainPrefix": api.domain_prefix,
    }


def _of_the_time(at_epoch: float) -> dict[str, str | int]:
    return {
        "requestTime": common_log_time(int(at_epoch)),
        "requestTimeEpoch": int(at_epoch * 1000),
    }


def _headers(request: HttpRequest, api: Api) -> dict[str, list[str]]:
    pairs = [
        (_as_sent(name.decode("latin-1")), value.decode("latin-1"))
        for name, value in request.headers
    ]
    headers = grouped(pairs)
    earlier = headers.get("X-Forwarded-For", [])
    headers["X-Forwarded-For"] = [", ".join([*earlier, request.source_ip])]
    headers["X-Forwarded-Port"] = [str(api.port)]
    headers["X-Forwarded-Proto"] = [api.scheme]
    return headers


@lru_cache(maxsize=512)
def _as_sent(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))
