"""Makes an Application Load Balancer's events of HTTP requests. Pure.

Source: user guide for Application Load Balancers, "Use Lambda functions as targets": names of
headers are in lower case, query parameters are not decoded, of several values the last counts
unless multi-value headers are on, and a body is base64 unless its type is textual and it is not
encoded.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.api.multi_values import grouped, last_of
from emulator.live.sandbox.environment import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from emulator.api.http_api.event import HttpRequest
    from emulator.core.load_balancer import Target

_TEXTUAL = frozenset({"application/json", "application/javascript", "application/xml"})
_encode = msgspec.json.Encoder().encode


def target_group_arn(function: str) -> str:
    """Returns the ARN of a function's target group, the same at all times."""
    number = hashlib.sha256(function.encode()).hexdigest()[:16]
    return (
        f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT_ID}:targetgroup/{function[:32]}/{number}"
    )


def event(request: HttpRequest, path: str, target: Target, *, port: int) -> bytes:
    """Returns the event of a request as JSON; `path` is the path as the client sent it."""
    headers = _headers(request, port)
    parts = (part.partition("=") for part in request.query.decode("latin-1").split("&") if part)
    query = grouped((name, value) for name, _, value in parts)
    content_type = headers.get("content-type", [""])[-1]
    body, encoded = _body(request.body, content_type, encoded="content-encoding" in headers)
    built: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": target_group_arn(target.function)}},
        "httpMethod": request.method,
        "path": path,
    }
    if target.multi_value:
        built |= {"multiValueQueryStringParameters": query, "multiValueHeaders": headers}
    else:
        built |= {"queryStringParameters": last_of(query), "headers": last_of(headers)}
    return _encode(built | {"body": body, "isBase64Encoded": encoded})


def _headers(request: HttpRequest, port: int) -> dict[str, list[str]]:
    headers = grouped(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers
    )
    earlier = headers.get("x-forwarded-for", [])
    headers["x-forwarded-for"] = [", ".join([*earlier, request.source_ip])]
    headers["x-forwarded-port"] = [str(port)]
    headers["x-forwarded-proto"] = ["http"]
    return headers


def _body(body: bytes, content_type: str, *, encoded: bool) -> tuple[str, bool]:
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        return "", False
    if not encoded and (kind.startswith("text/") or kind in _TEXTUAL):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii"), True
