"""Decides what function URLs and HTTP APIs tell a browser about pages of other origins. Pure.

Lambda and API Gateway answer a preflight request themselves, without the function and without a
signature; to every other answer they add what their configuration says. Sources: botocore's service
models of Lambda and API Gateway v2 (Cors), the developer guides' "Cross-origin resource sharing
(CORS)" of function URLs and "Configure CORS for HTTP APIs", the Fetch standard. Headers of the kind
that the function sends as well are left out: a browser takes no answer that allows two origins.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.api.asgi import Headers
    from emulator.core.function_url import Cors

_ANY = "*"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PREFIX = b"access-control-"


def is_preflight(method: str, headers: Mapping[bytes, bytes]) -> bool:
    """Returns whether a browser asks what a request of another origin may do."""
    return (
        method == "OPTIONS" and b"origin" in headers and b"access-control-request-method" in headers
    )


def preflight_headers(cors: Cors, headers: Mapping[bytes, bytes]) -> Headers:
    """Returns a preflight answer's headers; none where the request's origin is not allowed."""
    answered = _allowed(cors, headers)
    if not answered:
        return []
    method = headers[b"access-control-request-method"].decode("latin-1")
    answered.append((b"access-control-allow-methods", _listed(cors, cors.allow_methods, method)))
    asked = headers.get(b"access-control-request-headers", b"").decode("latin-1")
    if cors.allow_headers and asked:
        answered.append((b"access-control-allow-headers", _listed(cors, cors.allow_headers, asked)))
    if cors.max_age:
        answered.append((b"access-control-max-age", b"%d" % cors.max_age))
    return answered


def answer_headers(cors: Cors, headers: Mapping[bytes, bytes]) -> Headers:
    """Returns any other answer's headers; none where the request's origin is not allowed."""
    answered = _allowed(cors, headers)
    if answered and cors.expose_headers:
        answered.append((b"access-control-expose-headers", _joined(cors.expose_headers)))
    return answered


def without_cors(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Returns the headers but for those of CORS, which the configuration alone decides."""
    return [header for header in headers if not header[0].startswith(_PREFIX)]


def _allowed(cors: Cors, headers: Mapping[bytes, bytes]) -> Headers:
    origin = headers.get(b"origin", b"")
    everyone = _ANY in cors.allow_origins
    if not origin or not (everyone or origin.decode("latin-1") in cors.allow_origins):
        return []
    if everyone and not cors.allow_credentials:
        return [(b"access-control-allow-origin", b"*")]
    answered = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
    if cors.allow_credentials:
        answered.append((b"access-control-allow-credentials", b"true"))
    return answered


def _listed(cors: Cors, allowed: tuple[str, ...], asked: str) -> bytes:
    """Returns what is allowed, joined.

    A browser that sends credentials takes no asterisk: it is told what it asked for.
    """
    if _ANY in allowed and cors.allow_credentials:
        return asked.encode("latin-1")
    return _joined(allowed)


def _joined(values: tuple[str, ...]) -> bytes:
    """Joins values into a header's; what no header may have becomes a question mark."""
    return _CONTROL.sub("?", ", ".join(values)).encode("latin-1", "replace")
