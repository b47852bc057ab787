"""Reads and verifies signatures of version 4, in a header and in a presigned query. Pure.

Sources: the IAM user guide, "AWS Signature Version 4 for API requests" and "Troubleshoot signed
requests for AWS APIs"; the sentences are those that callers of AWS have reported. Time is an
argument, in seconds of the epoch. The signatures of an upload's chunks are not looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from calendar import timegm
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from emulator.api.auth.canonical import (
    UNSIGNED_PAYLOAD,
    RequestToCheck,
    canonical_request,
    parameters,
)
from emulator.api.services.calls import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALGORITHM = "AWS4-HMAC-SHA256"
_ASYMMETRIC = "AWS4-ECDSA-P256-SHA256"
_TERMINATOR = "aws4_request"
_SCOPE_PARTS = 5
SKEW = 5 * 60.0
"""Seconds by which the clocks of a client and of AWS may differ."""
_MOST_EXPIRES = 7 * 24 * 3600
_HEX = re.compile(r"[0-9a-f]{64}")
_DATE = "%Y%m%dT%H%M%SZ"

MISSING = "MissingAuthenticationTokenException"
INCOMPLETE = "IncompleteSignatureException"
INVALID = "InvalidSignatureException"
UNRECOGNIZED = "UnrecognizedClientException"
EXPIRED_TOKEN = "ExpiredTokenException"  # noqa: S105  # the name of an error

_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class Signature:
    """Holds what a request says of its signature; nothing of that is verified."""

    access_key: str
    date: str
    """Day of the scope, `YYYYMMDD`."""
    region: str
    service: str
    signed_headers: tuple[str, ...]
    digest: str
    at: str
    """Time of signing, `YYYYMMDDTHHMMSSZ`."""
    token: str
    """Session token; empty: none."""
    expires: float | None
    """Seconds for which a presigned request is good; None: not presigned."""

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{_TERMINATOR}"


def read_signature(request: RequestToCheck) -> Signature:
    """Returns the signature that a request carries.

    Raises:
        ServiceError: there is none, or not all of one, or one of version 4A.
    """
    authorization = request.header(b"authorization")
    if authorization:
        return _of_header(authorization, request)
    query = dict(parameters(request.query))
    if "X-Amz-Algorithm" in query or "X-Amz-Signature" in query:
        return _of_query(query)
    raise _refusal(MISSING, "Missing Authentication Token")


def verify(
    signature: Signature,
    request: RequestToCheck,
    body_hash: str,
    secret: str,
    *,
    now: float,
    services: Iterable[str],
) -> None:
    """Verifies a signature; `body_hash` is the SHA-256 of the body that came, in hex.

    `services` are the names for which the signature may be made. The comparison takes the same
    time wherever the first difference is.

    Raises:
        ServiceError: the signature is another's, too old, or for something else.
    """
    _check_scope(signature, services)
    _check_time(signature, now)
    payload = _payload_hash(signature, request, body_hash)
    query = parameters(request.query)
    if signature.expires is not None:
        query = [pair for pair in query if pair[0] != "X-Amz-Signature"]
    canonical = canonical_request(
        request,
        query,
        signature.signed_headers,
        payload,
        encode_path_twice=signature.service != "s3",
    )
    hashed = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    text = f"{ALGORITHM}\n{signature.at}\n{signature.scope}\n{hashed}"
    right = hmac.new(signing_key(secret, signature), text.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(right, signature.digest):
        raise _refusal(INVALID, _MISMATCH)


def signing_key(secret: str, signature: Signature) -> bytes:
    """Returns the key that is derived of a secret for one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (signature.date, signature.region, signature.service, _TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


# reading


def _of_header(authorization: str, request: RequestToCheck) -> Signature:
    algorithm, _, rest = authorization.partition(" ")
    _check_algorithm(algorithm)
    fields = dict(_field(part) for part in rest.split(","))
    at = _time_of(request)
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not fields.get(name)
    ]
    if not at:
        missing.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if missing:
        shown = f"Authorization={algorithm}"  # not the digest
        raise _refusal(INCOMPLETE, " ".join((*missing, shown)))
    return _signature(
        fields["Credential"],
        fields["SignedHeaders"],
        fields["Signature"],
        at=at,
        token=request.header(b"x-amz-security-token"),
        expires=None,
    )


def _of_query(query: Mapping[str, str]) -> Signature:
    _check_algorithm(query.get("X-Amz-Algorithm", ""))
    needed = ("Credential", "Signature", "SignedHeaders", "Date", "Expires")
    missing = [
        f"AWS query-string parameters must include 'X-Amz-{name}'."
        for name in needed
        if not query.get(f"X-Amz-{name}")
    ]
    if missing:
        raise _refusal(INCOMPLETE, " ".join((*missing, "Re-examine the query-string.")))
    expires = query["X-Amz-Expires"]
    if not re.fullmatch(r"[0-9]{1,6}", expires) or int(expires) > _MOST_EXPIRES:
        raise _refusal(INCOMPLETE, "X-Amz-Expires must be a number of seconds of at most a week.")
    return _signature(
        query["X-Amz-Credential"],
        query["X-Amz-SignedHeaders"],
        query["X-Amz-Signature"],
        at=query["X-Amz-Date"],
        token=query.get("X-Amz-Security-Token", ""),
        expires=float(expires),
    )


def _signature(
    credential: str, signed: str, digest: str, *, at: str, token: str, expires: float | None
) -> Signature:
    parts = credential.rsplit("/", _SCOPE_PARTS - 1)
    if len(parts) != _SCOPE_PARTS or not all(parts):
        raise _refusal(
            INCOMPLETE,
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            f"keyid/date/region/service/term, got '{credential}'",
        )
    if parts[4] != _TERMINATOR:
        raise _refusal(
            INVALID,
            f"Credential should be scoped with a valid terminator: '{_TERMINATOR}', "
            f"not '{parts[4]}'.",
        )
    names = tuple(signed.split(";"))
    if "host" not in names:
        raise _refusal(
            INVALID, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    if names != tuple(sorted(set(names))) or signed != signed.lower():
        raise _refusal(INVALID, _MISMATCH)
    if not _HEX.fullmatch(digest):
        raise _refusal(INVALID, _MISMATCH)
    return Signature(
        parts[0], parts[1], parts[2], parts[3], names, digest, at=at, token=token, expires=expires
    )


def _check_algorithm(algorithm: str) -> None:
    if algorithm.startswith(_ASYMMETRIC):
        raise _refusal(
            INCOMPLETE,
            f"Signature version 4A ({_ASYMMETRIC}) is not verified here: sign with {ALGORITHM}, "
            "for one region.",
        )
    if algorithm != ALGORITHM:
        raise _refusal(INCOMPLETE, f"Unsupported AWS 'algorithm': '{algorithm}'.")


def _field(part: str) -> tuple[str, str]:
    name, _, value = part.strip().partition("=")
    return name, value.strip()


def _time_of(request: RequestToCheck) -> str:
    """Returns the time of signing that a request's headers have; empty for none."""
    stated = request.header(b"x-amz-date") or request.header(b"date")
    if not stated or _epoch(stated) is not None:
        return stated
    try:
        parsed = parsedate_to_datetime(stated)
    except ValueError:
        return ""
    return parsed.astimezone(UTC).strftime(_DATE)


# checking


def _check_scope(signature: Signature, services: Iterable[str]) -> None:
    expected = tuple(services)
    if signature.service not in expected:
        raise _refusal(INVALID, f"Credential should be scoped to correct service: '{expected[0]}'.")
    if not signature.at.startswith(f"{signature.date}T"):
        raise _refusal(
            INVALID,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{signature.date}' != '{signature.at[:8]}', from '{signature.at}'.",
        )


def _check_time(signature: Signature, now: float) -> None:
    at = _epoch(signature.at)
    if at is None:
        raise _refusal(
            INCOMPLETE,
            "Date must be in ISO-8601 'basic format'. Got "
            f"'{signature.at}'. See http://en.wikipedia.org/wiki/ISO_8601",
        )
    valid = SKEW if signature.expires is None else signature.expires
    said = signature.at
    if at < now - valid:
        raise _refusal(
            INVALID,
            f"Signature expired: {said} is now earlier than {_iso(now - valid)} "
            f"({_iso(now)} - {valid / 60:g} min.)",
        )
    if at > now + SKEW:
        raise _refusal(
            INVALID,
            f"Signature not yet current: {said} is still later than {_iso(now + SKEW)} "
            f"({_iso(now)} + {SKEW / 60:g} min.)",
        )


def _payload_hash(signature: Signature, request: RequestToCheck, body_hash: str) -> str:
    """Returns what stands for the body in the canonical request.

    Raises:
        ServiceError: the body is not the one that was signed.
    """
    stated = request.header(b"x-amz-content-sha256")
    if not stated:
        presigned_s3 = signature.expires is not None and signature.service == "s3"
        return UNSIGNED_PAYLOAD if presigned_s3 else body_hash
    if stated == UNSIGNED_PAYLOAD or (
        stated.startswith("STREAMING-") and signature.service == "s3"
    ):
        return stated
    if not hmac.compare_digest(stated.encode(), body_hash.encode()):
        raise _refusal(INVALID, _MISMATCH)
    return stated


def same(secret: str, stated: str) -> bool:
    """Compares two texts in a time that does not depend on where they differ."""
    return hmac.compare_digest(secret.encode(), stated.encode("utf-8", "surrogateescape"))


def _refusal(code: str, sentence: str) -> ServiceError:
    return ServiceError(code, sentence, 403)


def _epoch(text: str) -> int | None:
    try:
        return timegm(datetime.strptime(text, _DATE).replace(tzinfo=UTC).timetuple())
    except ValueError:
        return None


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(_DATE)
