"""Makes an Application Load Balancer's responses: its own, and those of functions' results. Pure.

Source: user guide for Application Load Balancers, "Use Lambda functions as targets" (`statusCode`
is required, headers stand in `multiValueHeaders` alone where those are on, results of more than 1
MB are refused) and "Troubleshoot your Application Load Balancers" (HTTP 502 for a function that
fails, HTTP 413 for a body of more than 1 MB). That a throttled function is a 502 too is trust M.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.asgi import HttpResponse
from emulator.api.http_api.response import MalformedError, is_functions, stated_body
from emulator.api.http_api.response_v1 import headers_of, stated, status_of, whole

if TYPE_CHECKING:
    from emulator.core.load_balancer import Target

LIMIT = 1024 * 1024
"""Bytes of a request's body, and of a function's result."""
_UNTYPED = b"application/octet-stream"


def _page(status: int, title: str) -> HttpResponse:
    heading = f"{status} {title}"
    body = (
        f"<html>\r\n<head><title>{heading}</title></head>\r\n<body>\r\n"
        f"<center><h1>{heading}</h1></center>\r\n</body>\r\n</html>\r\n"
    ).encode()
    headers = (
        (b"server", b"awselb/2.0"),
        (b"content-type", b"text/html"),
        (b"content-length", b"%d" % len(body)),
    )
    return HttpResponse(status, headers, body)


BAD_GATEWAY = _page(502, "Bad Gateway")
"""The answer where the function failed, or its result cannot be made a response."""
TOO_LARGE = _page(413, "Request Entity Too Large")
UNAVAILABLE = _page(503, "Service Temporarily Unavailable")
"""The answer where the target group has no function."""


def response(result: bytes, target: Target) -> HttpResponse:
    """Returns what a client of the load balancer gets for a function's result."""
    if len(result) > LIMIT:
        return BAD_GATEWAY
    unread = "headers" if target.multi_value else "multiValueHeaders"
    try:
        value = {name: member for name, member in stated(result).items() if name != unread}
        status, headers, body = status_of(value), headers_of(value), stated_body(value)
    except MalformedError:
        return BAD_GATEWAY
    kept = [(name, text) for name, text in headers if is_functions(name)]
    return whole(status, kept, body, _UNTYPED)
