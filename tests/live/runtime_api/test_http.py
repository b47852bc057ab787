"""The one writer of responses: nothing that goes into one can forge a line or a field of it."""

from __future__ import annotations

import json

import pytest

from emulator.live.runtime_api.http import Refusal, json_response, response


def test_response_has_its_status_its_headers_and_the_length_of_its_body() -> None:
    written = response(200, ["Content-Type: text/plain", "X: é ☃"], b"hello")
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX: é ☃\r\nContent-Length: 5\r\n\r\n"
    assert written == head.encode() + b"hello"


@pytest.mark.parametrize(("status", "phrase"), [(404, "Not Found"), (599, "")])
def test_any_status_has_a_first_line(status: int, phrase: str) -> None:
    first = f"HTTP/1.1 {status} {phrase}\r\n".encode()
    assert response(status, [], b"").startswith(first)


@pytest.mark.parametrize("between", ["\r\n", "\n", "\r", "\0"])
def test_value_of_a_header_cannot_begin_another_line(between: str) -> None:
    written = response(200, [f"Trace: a{between}Forged: yes", "Other: b"], b"")
    head = written.decode().rstrip().split("\r\n")
    assert head == [
        "HTTP/1.1 200 OK",
        f"Trace: a{' ' * len(between)}Forged: yes",
        "Other: b",
        "Content-Length: 0",
    ]


def test_text_that_is_no_unicode_is_replaced_and_never_fails() -> None:
    assert b"X: a?b\r\n" in response(200, ["X: a\ud800b"], b"")


def test_forged_names_stay_within_their_json_string() -> None:
    forged = 'agent","errorType":"None"}\r\n\r\nHTTP/1.1 200 OK\ud800'
    written = Refusal("Extension.InvalidExtensionState", f"failed for {forged}").response()
    head, body = written.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {
        "errorMessage": f"failed for {forged}",
        "errorType": "Extension.InvalidExtensionState",
    }


def test_json_response_may_have_headers_of_its_own() -> None:
    written = json_response(202, "OK", {"Lambda-Extension-Identifier": "id"})
    assert b"\r\nLambda-Extension-Identifier: id\r\n" in written
    assert written.endswith(b'\r\n\r\n"OK"')
