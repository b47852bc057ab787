"""Defines the configuration of a function's own HTTP endpoint, and checks its rules.

Knows nothing of how a request is served.

Source: botocore's service model of Lambda (CreateFunctionUrlConfig, Cors).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from emulator.core.constraints import constraint, too_long


class UrlAuth(StrEnum):
    """Says who may call a function URL."""

    NONE = "NONE"
    AWS_IAM = "AWS_IAM"


class InvokeMode(StrEnum):
    """Says whether a response is sent whole or in pieces."""

    BUFFERED = "BUFFERED"
    RESPONSE_STREAM = "RESPONSE_STREAM"


@dataclass(frozen=True, slots=True)
class Cors:
    """Allows pages of other origins the use of the URL; an empty list allows nothing."""

    allow_credentials: bool = False
    allow_headers: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int = 0
    """Seconds for which a browser may keep the answer to its preflight request."""


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """Holds the configuration of one function's URL."""

    auth: UrlAuth
    invoke_mode: InvokeMode = InvokeMode.BUFFERED
    cors: Cors | None = None


_LONGEST_LIST = 100
_MOST_METHODS = 6
_LONGEST_METHOD = 6
_LONGEST_ORIGIN = 253
_LONGEST_HEADER = 1024
_LONGEST_AGE = 86_400


def url_faults(url: FunctionUrl) -> list[str]:
    """Returns the refusals of a URL's configuration, in AWS's words; none if it is valid."""
    if (cors := url.cors) is None:
        return []
    found = [
        *_list_faults(cors.allow_headers, "allowHeaders", _LONGEST_LIST, _LONGEST_HEADER),
        *_list_faults(cors.allow_methods, "allowMethods", _MOST_METHODS, _LONGEST_METHOD),
        *_list_faults(cors.allow_origins, "allowOrigins", _LONGEST_LIST, _LONGEST_ORIGIN),
        *_list_faults(cors.expose_headers, "exposeHeaders", _LONGEST_LIST, _LONGEST_HEADER),
    ]
    if cors.max_age > _LONGEST_AGE:
        rule = f"have value less than or equal to {_LONGEST_AGE}"
        found.append(constraint(cors.max_age, "cors.maxAge", rule))
    elif cors.max_age < 0:
        rule = "have value greater than or equal to 0"
        found.append(constraint(cors.max_age, "cors.maxAge", rule))
    return found


def _list_faults(values: tuple[str, ...], member: str, most: int, longest: int) -> list[str]:
    found = []
    if len(values) > most:
        rule = f"have length less than or equal to {most}"
        found.append(constraint(f"[{', '.join(values)}]", f"cors.{member}", rule))
    for value in values:
        # so OPTIONS, of seven letters, is refused: Lambda answers a preflight request itself
        found += too_long(value, f"cors.{member}", longest)
    return found
