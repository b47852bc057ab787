"""Holds a whole HTTP request for an API operation, and who sent it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Scope

# access key, date, region, service (Signature Version 4)
_SCOPE = re.compile(r"([^/=\s]+)/\d{8}/([a-z0-9-]+)/([A-Za-z0-9.-]+)/aws4_request")


class Signer(NamedTuple):
    """Holds what the credential scope of a signature says, believed unverified."""

    access_key: str
    region: str
    service: str


@dataclass(frozen=True)
class ApiRequest:
    """Holds a request whose body has come; the path and the query as they were sent."""

    method: str
    path: str
    query_string: str
    raw_headers: Sequence[tuple[bytes, bytes]]
    body: bytes = b""

    @classmethod
    def of(cls, scope: Scope, body: bytes = b"") -> ApiRequest:
        """Returns the request of an ASGI scope."""
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        return cls(scope["method"], path, query, scope["headers"], body)

    @cached_property
    def headers(self) -> dict[str, str]:
        """Returns the headers by names in lower case; of several of one name the last."""
        return {k.decode("latin-1"): v.decode("latin-1") for k, v in self.raw_headers}

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """Returns the values of each query parameter."""
        return parse_qs(self.query_string, keep_blank_values=True)

    @cached_property
    def signer(self) -> Signer | None:
        """Returns who signed the request; None where nobody did."""
        text = self.headers.get("authorization", "")
        if not text and "X-Amz-Credential=" in self.query_string:
            text = unquote_plus(self.query_string)
        found = _SCOPE.search(text)
        return None if found is None else Signer(*found.groups())
