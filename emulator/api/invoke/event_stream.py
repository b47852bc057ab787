"""Encodes messages of a streamed answer in AWS's binary form, `vnd.amazon.eventstream`. Pure.

A message is a prelude (its length, its headers' length, the CRC32 of both), headers, a payload
and the CRC32 of all before; every number is big-endian. Sources: the Smithy specification, "Amazon
Event Stream"; botocore's service model of Lambda (InvokeWithResponseStreamResponseEvent).
"""

from __future__ import annotations

import json
import struct
from zlib import crc32

CONTENT_TYPE = b"application/vnd.amazon.eventstream"

_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_STRING = 7
"""The type number of headers whose value is a text."""
_FRAME = _PRELUDE.size + 2 * _CRC.size
"""Bytes of a message beside the headers and the payload."""


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """Encodes a message; a header's name has at most 255 bytes, its value 32,767."""
    return _framed(b"".join(_header(name, value) for name, value in headers.items()), payload)


def _framed(headers: bytes, payload: bytes) -> bytes:
    prelude = _PRELUDE.pack(_FRAME + len(headers) + len(payload), len(headers))
    checked = prelude + _CRC.pack(crc32(prelude)) + headers
    # the checksum goes on over the payload, so that it is copied once
    return b"".join((checked, payload, _CRC.pack(crc32(payload, crc32(checked)))))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(f">B{len(key)}sBH", len(key), key, _STRING, len(text)) + text


def _event_headers(event_type: str, content_type: str) -> bytes:
    headers = {
        ":event-type": event_type,
        ":content-type": content_type,
        ":message-type": "event",
    }
    return b"".join(_header(name, value) for name, value in headers.items())


_CHUNK = _event_headers("PayloadChunk", "application/octet-stream")
_COMPLETE = _event_headers("InvokeComplete", "application/json")


def payload_chunk(piece: bytes) -> bytes:
    """Encodes a piece of the function's response."""
    return _framed(_CHUNK, piece)


def invoke_complete(error_code: str = "", error_details: str = "", log_result: str = "") -> bytes:
    """Encodes the last message, without the members that are empty; no error code is a success."""
    members = {"ErrorCode": error_code, "ErrorDetails": error_details, "LogResult": log_result}
    stated = {name: value for name, value in members.items() if value}
    return _framed(_COMPLETE, json.dumps(stated).encode())
