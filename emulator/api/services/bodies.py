"""Reads the body of an API call, as large as its operation may have one."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from emulator.api.asgi import read_body
from emulator.api.services.calls import ServiceError
from emulator.api.services.protocols.misfits import misfit
from emulator.errors import RequestTooLargeError

if TYPE_CHECKING:
    from starlette.types import Receive

MOST_BYTES = 70_167_211
"""Bytes of a body that may have a zip of 50 MB in base64. Source: AWS's sentence below, as users
report the error of CreateFunction, UpdateFunctionCode and PublishLayerVersion."""
_USUAL_BYTES = 6_291_456
_WITH_CODE = frozenset({"CreateFunction", "UpdateFunctionCode", "PublishLayerVersion"})
_GZIP = 16 + zlib.MAX_WBITS


async def whole_body(receive: Receive, operation: str, encoding: str) -> bytes:
    """Reads a body and takes it out of its content encoding (`gzip` or none).

    Raises:
        ServiceError: the body is too large, packed or unpacked, or is not so encoded.
        ClientLeftError: the body was cut short.
    """
    most = MOST_BYTES if operation in _WITH_CODE else _USUAL_BYTES
    try:
        body = await read_body(receive, most)
    except RequestTooLargeError as error:
        raise _too_large(most, operation) from error
    return _unpacked(body, most, operation) if encoding == "gzip" else body


def _unpacked(body: bytes, most: int, operation: str) -> bytes:
    unpacking = zlib.decompressobj(wbits=_GZIP)
    try:
        found = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise misfit(f"The request body is no gzip: {error}") from error
    if len(found) > most:
        raise _too_large(most, operation)
    return found


def _too_large(most: int, operation: str) -> ServiceError:
    sentence = f"Request must be smaller than {most} bytes for the {operation} operation"
    return ServiceError("RequestEntityTooLargeException", sentence, 413)
