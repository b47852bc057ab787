"""Writes refusals as each of AWS's other services does. Pure.

Names of errors are those of the protocol: "Common errors" of the services' API references, and
"Error responses" of the S3 API reference.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from emulator.errors import ServiceError

_FIRST_SERVER_FAULT = 500
_QUERY_NAMES = {
    "AccessDeniedException": "AccessDenied",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "IncompleteSignatureException": "IncompleteSignature",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "UnrecognizedClientException": "InvalidClientTokenId",
    "ExpiredTokenException": "ExpiredToken",
}
_S3_NAMES = _QUERY_NAMES | {
    "MissingAuthenticationTokenException": "AccessDenied",
    "IncompleteSignatureException": "AuthorizationHeaderMalformed",
    "UnrecognizedClientException": "InvalidAccessKeyId",
}
_QUERY_SERVICES = frozenset(
    {"iam", "sts", "sns", "cloudformation", "ec2", "email", "elasticloadbalancing", "rds"}
)
"""Services that answer with XML."""


def refusal_of(service: str, error: ServiceError) -> tuple[int, bytes, bytes]:
    """Returns the status, the content type and the body of a refusal."""
    sentence = str(error)
    if service == "s3":
        code = _S3_NAMES.get(error.code, error.code)
        text = f"<Error><Code>{code}</Code><Message>{escape(sentence)}</Message></Error>"
        return error.status, b"application/xml", text.encode()
    if service in _QUERY_SERVICES:
        code = _QUERY_NAMES.get(error.code, error.code)
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            f"<Message>{escape(sentence)}</Message></Error></ErrorResponse>"
        )
        return error.status, b"text/xml", text.encode()
    body = json.dumps({"__type": error.code, "message": sentence}).encode()
    # JSON services answer every fault of a caller with 400
    status = error.status if error.status >= _FIRST_SERVER_FAULT else 400
    return status, b"application/json", body
