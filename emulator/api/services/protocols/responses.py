"""Puts together responses in every wire form: the request's id, an error's headers, the length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.asgi import HttpResponse
from emulator.api.services.calls import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator import errors

Header = tuple[bytes, bytes]


def response(
    status: int,
    body: bytes,
    content_type: bytes,
    request_id: str,
    more: Iterable[Header] = (),
) -> HttpResponse:
    """Returns a whole response; one without a body has no content type."""
    headers = [(b"x-amzn-requestid", request_id.encode()), *more]
    if body:
        headers.append((b"content-type", content_type))
    headers.append((b"content-length", b"%d" % len(body)))
    return HttpResponse(status, tuple(headers), body)


def stated_headers(error: errors.ServiceError) -> list[Header]:
    """Returns the headers that an operation gave its error."""
    stated = error.headers if isinstance(error, ServiceError) else {}
    return [(header_bytes(name.lower()), header_bytes(value)) for name, value in stated.items()]


def header_bytes(text: str) -> bytes:
    """Returns a header's text for the wire, without what would end the header."""
    return text.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace")
