"""Makes the responses of function URLs: their own, and those of what a function returns. Pure.

Results are followed as API Gateway does, but for what was recorded of real function URLs
(aws/aws-lambda-dotnet and a parity run of LocalStack, tests/aws/…/TestLambdaURL): a failure is the
plain text `Internal Server Error`, a `statusCode` may be a text of digits, a result that is a JSON
string is that string, and with RESPONSE_STREAM a result in one piece is passed on as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from emulator.api.asgi import HttpResponse, json_response
from emulator.api.http_api.response import MalformedError, decoded, inferred, structured
from emulator.core.profile import Feature

if TYPE_CHECKING:
    from emulator.core.profile import Profile

BAD_GATEWAY = json_response(502, b"Internal Server Error")
"""The answer where the function failed, or its result cannot be made a response."""
_DENIED = (b"x-amzn-errortype", b"AccessDeniedException")
NO_SUCH_URL = json_response(403, b'{"Message":null}', _DENIED)
"""The answer where no function has this URL."""
PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
"""The content type of a streamed response that begins with its own status and headers."""

_FORBIDDEN = b'{"Message":"Forbidden"}'
_FORBIDDEN_SINCE_TWO_RIGHTS = (
    b'{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: '
    b'https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}'
)
_SEPARATOR = b"\0" * 8
_LONGEST_PRELUDE = 1 << 20
_JSON = b"application/json"
_BODY_HEADERS = frozenset({b"content-length"})


def forbidden(profile: Profile, reason: str) -> HttpResponse:
    """Refuses who may not ask the URL as AWS does, which does not say why; a header of ours does.

    Source: the longer sentence is quoted in reports since October 2025 (sst/sst, issue 6198).
    """
    later = profile.has(Feature.URL_NEEDS_INVOKE)
    why = (b"x-testbed-reason", reason.encode("latin-1", "replace"))
    body = _FORBIDDEN_SINCE_TWO_RIGHTS if later else _FORBIDDEN
    return json_response(403, body, _DENIED, why)


def whole(result: bytes) -> HttpResponse:
    """Returns the response for a whole result; `BAD_GATEWAY` where it cannot be followed."""
    return inferred(result, _read, BAD_GATEWAY)


def _read(value: dict[str, Any]) -> HttpResponse:
    status = value["statusCode"]
    if isinstance(status, str) and status.isdecimal() and len(status) == len("200"):
        value = value | {"statusCode": int(status)}
    return structured(value, _JSON)


class PreludeError(Exception):
    """Means that a stream does not begin as its content type says."""


class Prelude:
    """Takes the first pieces of a stream, until its status and headers are all there."""

    def __init__(self) -> None:
        self._read = bytearray()

    def feed(self, piece: bytes) -> tuple[int, tuple[tuple[bytes, bytes], ...], bytes] | None:
        """Returns status, headers and what of the body was read with them; None: more is needed.

        Raises:
            PreludeError: the stream begins with no status and headers.
        """
        searched = max(0, len(self._read) - len(_SEPARATOR) + 1)
        self._read += piece
        end = self._read.find(_SEPARATOR, searched)
        if end >= 0:
            response = _head(bytes(self._read[:end]))
            headers = tuple(header for header in response.headers if header[0] not in _BODY_HEADERS)
            return response.status, headers, bytes(self._read[end + len(_SEPARATOR) :])
        if len(self._read) > _LONGEST_PRELUDE:
            raise PreludeError
        return None


def _head(prelude: bytes) -> HttpResponse:
    try:
        value = decoded(prelude) if prelude else {}
        if not isinstance(value, dict):
            raise PreludeError
        stated = {name: value[name] for name in ("headers", "cookies") if name in value}
        return _read(stated | {"statusCode": value.get("statusCode", 200)})
    except (msgspec.DecodeError, MalformedError, ValueError, RecursionError) as error:
        raise PreludeError from error
