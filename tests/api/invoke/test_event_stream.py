"""The binary encoding, against botocore's decoder and the specification's own example."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer

from emulator.api.invoke.event_stream import invoke_complete, message, payload_chunk


def decoded(encoded: bytes) -> list[tuple[dict[str, Any], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(encoded)
    return [(found.headers, found.payload) for found in buffer]


def test_a_message_is_byte_for_byte_the_specifications() -> None:
    # "payload_one_str_header" of the test vectors that the AWS SDKs share
    expected = (
        "0000003d0000002007fd8396"
        "0c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e"
        "7b27666f6f273a27626172277d8d9c08b1"
    )
    assert message({"content-type": "application/json"}, b"{'foo':'bar'}").hex() == expected


def test_a_message_may_be_empty() -> None:
    # "empty_message" of the same vectors
    assert message({}, b"").hex() == "000000100000000005c248eb7d98c8ff"


def test_chunks_carry_the_bytes_as_they_are() -> None:
    sent = [b"\0\xff", b"", "ü".encode(), bytes(100_000)]
    told = decoded(b"".join(payload_chunk(piece) for piece in sent))
    assert [payload for _, payload in told] == sent
    assert told[0][0] == {
        ":event-type": "PayloadChunk",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }


@pytest.mark.parametrize(
    ("told", "payload"),
    [
        ({}, b"{}"),
        ({"log_result": "bG9n"}, b'{"LogResult": "bG9n"}'),
        (
            {"error_code": "Unhandled", "error_details": '{"a":"\u00fc"}'},
            b'{"ErrorCode": "Unhandled", "ErrorDetails": "{\\"a\\":\\"\\u00fc\\"}"}',
        ),
    ],
)
def test_end_tells_what_there_is_to_tell(told: dict[str, str], payload: bytes) -> None:
    ((headers, said),) = decoded(invoke_complete(**told))
    assert (headers[":event-type"], headers[":content-type"]) == (
        "InvokeComplete",
        "application/json",
    )
    assert said == payload


def test_checksums_cover_the_payload() -> None:
    encoded = bytearray(payload_chunk(b"abc"))
    encoded[-5] ^= 1
    with pytest.raises(ChecksumMismatch):
        decoded(bytes(encoded))
