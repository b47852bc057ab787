"""What a client of a function URL gets for a function's result, whole or in pieces. Pure.

Sources: the developer guide's "Invoking Lambda function URLs" and "Response streaming for Lambda
functions"; where it is silent or wrong, what localstack's tests recorded of AWS (localstack/
localstack, tests/aws/services/lambda_/test_lambda.py, TestLambdaURL): a failure is the plain text
`Internal Server Error`, a `statusCode` may be a text of digits, a result that is a JSON string is
that string, and with RESPONSE_STREAM a result in one piece is passed on as it is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from emulator.api.http_api.payload import (
    Headers,
    HttpResponse,
    MalformedError,
    inferred,
    json_response,
    structured,
)

BAD_GATEWAY = json_response(502, b"Internal Server Error")
"""The function failed, or its result cannot be made a response."""
_FORBIDDEN = b'{"Message":"Forbidden"}'
_DENIED = (b"x-amzn-errortype", b"AccessDeniedException")
PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
"""The content type of a streamed response that begins with its own status and headers."""
_SEPARATOR = b"\0" * 8
_LONGEST_PRELUDE = 1 << 20
_JSON = b"application/json"
_BODY_HEADERS = frozenset({b"content-length"})

_decode = msgspec.json.Decoder().decode


def _denied(body: bytes) -> HttpResponse:
    answer = json_response(403, body)
    return HttpResponse(answer.status, (*answer.headers, _DENIED), answer.body)


FORBIDDEN = _denied(_FORBIDDEN)
"""The URL asks for a signature, and the request has none."""
NO_SUCH_URL = _denied(b'{"Message":null}')


def whole(result: bytes) -> HttpResponse:
    """The response for a result that came whole; `BAD_GATEWAY` where it cannot be followed."""
    return inferred(result, _said, BAD_GATEWAY)


def _said(value: dict[str, Any]) -> HttpResponse:
    status = value["statusCode"]
    if isinstance(status, str) and status.isdecimal():
        value = value | {"statusCode": int(status)}
    return structured(value, _JSON)


class PreludeError(Exception):
    """A stream does not begin as its content type says."""


class Prelude:
    """Takes the first pieces of a stream, until its status and headers are all there."""

    def __init__(self) -> None:
        self._read = bytearray()

    def feed(self, piece: bytes) -> tuple[int, Headers, bytes] | None:
        """Status, headers and what of the body was read with them; None: more is needed.

        Raises:
            PreludeError: it is none.
        """
        searched = max(0, len(self._read) - len(_SEPARATOR) + 1)
        self._read += piece
        end = self._read.find(_SEPARATOR, searched)
        if end >= 0:
            status, headers = _head(bytes(self._read[:end]))
            return status, headers, bytes(self._read[end + len(_SEPARATOR) :])
        if len(self._read) > _LONGEST_PRELUDE:
            raise PreludeError
        return None


def _head(said: bytes) -> tuple[int, Headers]:
    try:
        value = _decode(said) if said else {}
        if not isinstance(value, dict):
            raise PreludeError
        stated = {name: value[name] for name in ("headers", "cookies") if name in value}
        answer = _said(stated | {"statusCode": value.get("statusCode", 200)})
    except (msgspec.DecodeError, MalformedError, ValueError, RecursionError) as error:
        raise PreludeError from error
    headers = tuple(header for header in answer.headers if header[0] not in _BODY_HEADERS)
    return answer.status, headers
