"""Reads the type and the body of an error that a runtime or an extension reports.

Its types are bounded here, since they reach the journal, the logs and the caller.
"""

from __future__ import annotations

import base64
import json

MOST_ERROR_TYPE = 1024
"""Characters of an error type; the rest is cut. AWS's own bound was not found: its open emulator
keeps `Runtime.…` and `Function.…` names of any length and replaces all others."""


def reported_error(header: str, body: bytes) -> str:
    """Returns the error's type: from the header, or from the body, where Java's client leaves it.

    Empty where neither has it.
    """
    return (header or _named_in(body))[:MOST_ERROR_TYPE]


def type_alone(error_type: str) -> bytes:
    """Returns the body of an error of which only the type is known; empty without an error."""
    return json.dumps({"errorType": error_type}).encode() if error_type else b""


def decoded_trailer(trailer: bytes) -> bytes:
    """Returns the bytes of base64, as the guide has it; anything else as it is."""
    try:
        return base64.b64decode(trailer, validate=True)
    except ValueError:
        return trailer


def _named_in(body: bytes) -> str:
    try:
        named = json.loads(body)["errorType"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return named if isinstance(named, str) else ""
