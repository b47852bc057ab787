"""One handler for two callers: HTTP requests through API Gateway, and direct invocations.

Part of the KDD99 layer, and of the segmentation image: /opt/python/http_event.py. It knows no
model; a function brings `serve`, from a request to its answer.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class BadRequest(ValueError):  # noqa: N818 - HTTP's name for it
    """One sentence that tells the caller what to mend; never quotes what was sent."""


def answer(event: Any, serve: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """What a handler returns. `serve` takes the decoded request; it may raise BadRequest.

    An event of API Gateway's HTTP API or of a function URL (payload format 2.0) gets an HTTP
    response, 200 or 400. Any other event is the request itself and gets the plain answer, which
    for a bad request is `{"message": sentence}`, the body of the 400.
    """
    try:
        status, body = 200, serve(request_in(event))
    except BadRequest as error:
        status, body = 400, {"message": str(error)}
    if not is_http(event):
        return body
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body, separators=(",", ":")),
    }


def is_http(event: Any) -> bool:
    """Payload format 2.0, which puts the HTTP method and path into requestContext."""
    if not isinstance(event, dict) or event.get("version") != "2.0":
        return False
    context = event.get("requestContext")
    return isinstance(context, dict) and "http" in context


def request_in(event: Any) -> Any:
    """What the caller sent, decoded.

    API Gateway encodes a body as base64 unless its content type is text, JSON or XML; `curl -d`
    says application/x-www-form-urlencoded.
    """
    if not is_http(event):
        return event
    body = event.get("body")
    if not isinstance(body, str) or not body:
        raise BadRequest("The request has no body.")
    try:
        if event.get("isBase64Encoded"):
            body = base64.b64decode(body, validate=True).decode()
        return json.loads(body)
    except json.JSONDecodeError as error:
        raise BadRequest(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except ValueError as error:  # base64, UTF-8, an integer of more digits than Python reads
        raise BadRequest("The body is not JSON in UTF-8.") from error
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply.") from error
