"""Makes the canonical form of a request, which a signature of version 4 covers. Pure.

Source: the IAM user guide, "Create a signed AWS API request". A path is taken as it came over the
wire, where its clients have encoded it once, and is encoded again; S3 alone encodes once and keeps
dots and double slashes.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()

_UNRESERVED = "-_.~"
_SPACES = re.compile(r"\s+")


class RequestToCheck(NamedTuple):
    """Holds what of an HTTP request a signature may cover; names of headers are in lower case."""

    method: str
    path: bytes
    """The path as it came, percent-encoded."""
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]

    def header(self, name: bytes) -> str:
        """Returns the value of a header, several values joined by commas; empty for none."""
        return ",".join(_trimmed(value) for key, value in self.headers if key == name)


def parameters(query: bytes) -> list[tuple[str, str]]:
    """Returns the decoded parameters of a query in the order in which they came."""
    found = []
    for part in query.split(b"&"):
        if part:
            name, _, value = part.replace(b"+", b"%20").partition(b"=")
            found.append((_decoded(name), _decoded(value)))
    return found


def canonical_request(
    request: RequestToCheck,
    query: Iterable[tuple[str, str]],
    signed_headers: Sequence[str],
    payload_hash: str,
    *,
    encode_path_twice: bool,
) -> str:
    """Returns the canonical form; `query` has its parameters without the signature."""
    headers = (f"{name}:{request.header(name.encode())}\n" for name in signed_headers)
    return "\n".join(
        (
            request.method,
            canonical_path(request.path, twice=encode_path_twice),
            canonical_query(query),
            "".join(headers),
            ";".join(signed_headers),
            payload_hash,
        )
    )


def canonical_path(path: bytes, *, twice: bool) -> str:
    """Returns the path as a signature covers it; `twice` for every service but S3."""
    if not twice:
        return quote(unquote_to_bytes(path), safe="/" + _UNRESERVED) or "/"
    return quote(_without_dots(path), safe="/" + _UNRESERVED)


def canonical_query(query: Iterable[tuple[str, str]]) -> str:
    """Returns the parameters, encoded and then sorted by name and value."""
    encoded = sorted((_encoded(name), _encoded(value)) for name, value in query)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _without_dots(path: bytes) -> bytes:
    """Removes `.`, `..` and empty parts (RFC 3986, section 6)."""
    kept: list[bytes] = []
    parts = path.split(b"/")
    for part in parts:
        if part == b"..":
            del kept[-1:]
        elif part not in (b"", b"."):
            kept.append(part)
    ends = b"/" if kept and parts[-1] in (b"", b".", b"..") else b""
    return b"/" + b"/".join(kept) + ends


def _decoded(text: bytes) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def _encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe=_UNRESERVED)


def _trimmed(value: bytes) -> str:
    # bytes that are no UTF-8 must come out as they went in
    return _SPACES.sub(" ", value.decode("utf-8", "surrogateescape")).strip(" ")
