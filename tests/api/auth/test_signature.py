"""Signatures of version 4: AWS's published examples, and botocore as the oracle."""

from __future__ import annotations

import hashlib
import random
from calendar import timegm
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest, prepare_request_dict
from botocore.credentials import Credentials
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from emulator.api.auth.canonical import RequestToCheck
from emulator.api.auth.signature import read_signature, verify
from emulator.api.services.calls import ServiceError

KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOON_2015 = timegm((2015, 8, 30, 12, 36, 0))
SCOPE = f"{KEY}/20150830/us-east-1/service/aws4_request"
TOKEN_2015 = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"


def hashed(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def check(
    request: RequestToCheck,
    body: bytes,
    *,
    now: float,
    service: str = "service",
    secret: str = SECRET,
) -> str:
    """Verifies a request; returns the code of the refusal, empty for none."""
    try:
        verify(read_signature(request), request, hashed(body), secret, now=now, services=[service])
    except ServiceError as error:
        return error.code
    return ""


def refusal(
    request: RequestToCheck, body: bytes = b"", *, now: float, service: str = "service"
) -> str:
    """Returns the sentence in which a request is refused."""
    with pytest.raises(ServiceError) as refused:
        verify(read_signature(request), request, hashed(body), SECRET, now=now, services=[service])
    return f"{refused.value.code}: {refused.value}"


def request(
    method: str, target: str, headers: list[tuple[str, str]], *, host: str = "example.amazonaws.com"
) -> RequestToCheck:
    path, _, query = target.encode().partition(b"?")
    given_headers = [("host", host), *headers]
    return RequestToCheck(
        method,
        path,
        query,
        [(name.lower().encode(), value.encode()) for name, value in given_headers],
    )


def signed(headers: str, digest: str) -> tuple[str, str]:
    words = f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders={headers}, Signature={digest}"
    return ("Authorization", words)


# AWS's test suite for signature version 4 (awslabs/aws-c-auth, aws-signing-test-suite/v4)
SUITE = {
    "get-vanilla": (
        "/",
        [],
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-vanilla-query-order-key-case": (
        "/?Param2=value2&Param1=value1",
        [],
        "host;x-amz-date",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-utf8": (
        "/ሴ",
        [],
        "host;x-amz-date",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    "get-vanilla-utf8-query": (
        "/?ሴ=bar",
        [],
        "host;x-amz-date",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    "get-space-normalized": (
        "/example space/",
        [],
        "host;x-amz-date",
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    "get-relative-normalized": (
        "/example/..",
        [],
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-header-value-trim": (
        "/",
        [("My-Header1", " value1"), ("My-Header2", ' "a   b   c"')],
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "get-header-value-order": (
        "/",
        [("My-Header1", f"value{number}") for number in (4, 1, 3, 2)],
        "host;my-header1;x-amz-date",
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    "get-header-key-duplicate": (
        "/",
        [("My-Header1", f"value{number}") for number in (2, 2, 1)],
        "host;my-header1;x-amz-date",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    "get-vanilla-with-session-token": (
        "/",
        [("X-Amz-Security-Token", TOKEN_2015)],
        "host;x-amz-date;x-amz-security-token",
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
    ),
}


@pytest.mark.parametrize("name", SUITE)
def test_published_examples_verify(name: str) -> None:
    target, headers, names, digest = SUITE[name]
    asked = request(
        "GET", target, [*headers, ("X-Amz-Date", "20150830T123600Z"), signed(names, digest)]
    )
    assert check(asked, b"", now=NOON_2015) == ""
    assert check(asked._replace(method="POST"), b"", now=NOON_2015) == "InvalidSignatureException"


def test_published_form_with_a_body_verifies() -> None:
    body = b"Param1=value1"
    asked = request(
        "POST",
        "/",
        [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Length", "13"),
            ("x-amz-content-sha256", hashed(body)),
            ("X-Amz-Date", "20150830T123600Z"),
            signed(
                "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
                "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
            ),
        ],
    )
    assert check(asked, body, now=NOON_2015) == ""
    assert check(asked, b"Param1=value2", now=NOON_2015) == "InvalidSignatureException"


def test_published_presigned_query_verifies_until_it_expires() -> None:
    names = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    asked = request(
        "GET",
        f"/?{names}={names}&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Credential={SCOPE.replace('/', '%2F')}&X-Amz-Date=20150830T123600Z"
        "&X-Amz-SignedHeaders=host&X-Amz-Expires=3600"
        "&X-Amz-Signature=8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf",
        [],
    )
    assert check(asked, b"", now=NOON_2015 + 3600) == ""
    assert refusal(asked, now=NOON_2015 + 3601) == (
        "InvalidSignatureException: Signature expired: 20150830T123600Z is now earlier than "
        "20150830T123601Z (20150830T133601Z - 60 min.)"
    )


def test_published_example_of_s3_verifies() -> None:
    """Amazon S3 API reference, "Authenticating requests: using query parameters"."""
    target = (
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE"
        "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    asked = request("GET", target, [], host="examplebucket.s3.amazonaws.com")
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    now = timegm((2013, 5, 24, 0, 0, 0))
    assert check(asked, b"", now=now, service="s3", secret=secret) == ""


# refusals in AWS's words

VANILLA = SUITE["get-vanilla"]


def vanilla(date: str = "20150830T123600Z", **changes: str) -> RequestToCheck:
    name, value = signed(VANILLA[2], VANILLA[3])
    for old, new in changes.items():
        value = value.replace(old, new)
    return request("GET", "/", [("X-Amz-Date", date), (name, value)] if date else [(name, value)])


def test_unsigned_request_is_missing_a_token() -> None:
    said = refusal(request("GET", "/", []), now=NOON_2015)
    assert said == "MissingAuthenticationTokenException: Missing Authentication Token"


def test_parts_of_a_header_that_are_missing_are_named() -> None:
    asked = request("GET", "/", [("Authorization", "AWS4-HMAC-SHA256 Signature=12")])
    assert refusal(asked, now=NOON_2015) == (
        "IncompleteSignatureException: Authorization header requires 'Credential' parameter. "
        "Authorization header requires 'SignedHeaders' parameter. Authorization header requires "
        "existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"
    )


def test_credential_of_four_parts_is_refused() -> None:
    asked = vanilla(**{f"{KEY}/": ""})
    assert refusal(asked, now=NOON_2015) == (
        "IncompleteSignatureException: Credential must have exactly 5 slash-delimited elements, "
        "e.g. keyid/date/region/service/term, got '20150830/us-east-1/service/aws4_request'"
    )


def test_clocks_may_differ_by_five_minutes() -> None:
    assert check(vanilla(), b"", now=NOON_2015 + 300) == ""
    assert check(vanilla(), b"", now=NOON_2015 - 300) == ""
    assert refusal(vanilla(), now=NOON_2015 + 301) == (
        "InvalidSignatureException: Signature expired: 20150830T123600Z is now earlier than "
        "20150830T123601Z (20150830T124101Z - 5 min.)"
    )
    assert refusal(vanilla(), now=NOON_2015 - 301) == (
        "InvalidSignatureException: Signature not yet current: 20150830T123600Z is still later "
        "than 20150830T123559Z (20150830T123059Z + 5 min.)"
    )


def test_scope_of_another_day_is_refused() -> None:
    assert refusal(vanilla("20150831T000000Z"), now=NOON_2015) == (
        "InvalidSignatureException: Date in Credential scope does not match YYYYMMDD from "
        "ISO-8601 version of date from HTTP: '20150830' != '20150831', from '20150831T000000Z'."
    )


def test_signature_for_another_service_is_refused() -> None:
    assert refusal(vanilla(), now=NOON_2015, service="lambda") == (
        "InvalidSignatureException: Credential should be scoped to correct service: 'lambda'."
    )


def test_signature_that_leaves_the_host_out_is_refused() -> None:
    asked = vanilla(**{"host;": ""})
    assert refusal(asked, now=NOON_2015) == (
        "InvalidSignatureException: 'Host' or ':authority' must be a 'SignedHeader' in the AWS "
        "Authorization."
    )


def test_version_4a_is_refused_with_a_sentence() -> None:
    asked = vanilla(**{"AWS4-HMAC-SHA256": "AWS4-ECDSA-P256-SHA256"})
    assert refusal(asked, now=NOON_2015) == (
        "IncompleteSignatureException: Signature version 4A (AWS4-ECDSA-P256-SHA256) is not "
        "verified here: sign with AWS4-HMAC-SHA256, for one region."
    )


def test_presigned_request_for_more_than_a_week_is_refused() -> None:
    target = (
        f"/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={SCOPE}&X-Amz-Date=20150830T123600Z"
        f"&X-Amz-SignedHeaders=host&X-Amz-Expires=604801&X-Amz-Signature={'0' * 64}"
    )
    assert "IncompleteSignature" in refusal(request("GET", target, []), now=NOON_2015)


# botocore as the oracle

TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=["Cs"]),
    max_size=12,
)
HEADER_NAME = st.from_regex(r"x-[a-z]{1,8}(-[a-z]{1,8})?", fullmatch=True)
HEADER_VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
PATHS = st.lists(
    st.from_regex(r"(?:[A-Za-z0-9_.~!$&'()*,;=:@-]|%[0-9A-F]{2}){0,9}", fullmatch=True), max_size=4
).map(lambda parts: "/" + "/".join(parts))
REQUESTS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
        "url_path": PATHS,
        "query_string": st.dictionaries(TEXT.filter(bool), TEXT, max_size=4),
        "headers": st.dictionaries(HEADER_NAME, HEADER_VALUE, max_size=3),
        "body": st.binary(max_size=40),
    }
)


def now() -> float:
    return datetime.now(UTC).timestamp()


def by_botocore(
    parts: dict[str, Any], auth: type[SigV4Auth], service: str, token: str | None
) -> tuple[RequestToCheck, bytes]:
    """Signs a request as botocore's clients do; returns what goes over the wire."""
    # presigning moves a body's members into the query, for forms
    body = b"" if issubclass(auth, SigV4QueryAuth) else parts["body"]
    described = {**parts, "headers": dict(parts["headers"]), "body": body}
    if service == "s3":  # encoded as its serializer does, and no further by its signer
        described["url_path"] = quote(unquote_to_bytes(parts["url_path"]), safe="/-_.~")
    prepare_request_dict(described, endpoint_url="http://localhost:8000")
    asked = AWSRequest(
        method=described["method"],
        url=described["url"],
        data=described["body"],
        headers=described["headers"],
    )
    auth(Credentials(KEY, SECRET, token), service, "eu-west-1").add_auth(asked)
    url = urlsplit(asked.url)
    named = [(name.lower(), value) for name, value in asked.headers.items()]
    if "host" not in dict(named):
        named.append(("host", url.netloc))
    return RequestToCheck(
        asked.method,
        url.path.encode() or b"/",
        url.query.encode(),
        [
            (name.encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in named
        ],
    ), body


SIGNERS = st.sampled_from(
    [
        (SigV4Auth, "lambda"),
        (SigV4QueryAuth, "lambda"),
        (S3SigV4Auth, "s3"),
        (S3SigV4QueryAuth, "s3"),
    ]
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    parts=REQUESTS,
    signer=SIGNERS,
    token=st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,40}", fullmatch=True),
)
def test_what_botocore_signs_verifies(
    parts: dict[str, Any], signer: tuple[type[SigV4Auth], str], token: str | None
) -> None:
    asked, body = by_botocore(parts, *signer, token)
    signature = read_signature(asked)
    assert (signature.access_key, signature.region) == (KEY, "eu-west-1")
    assert signature.token == (token or "")
    assert check(asked, body, now=now(), service=signer[1]) == ""
    assert check(asked, body, now=now(), service=signer[1], secret=SECRET[:-1]) != ""


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(parts=REQUESTS, signer=SIGNERS, seed=st.integers(0, 2**32))
def test_flipped_byte_does_not_verify(
    parts: dict[str, Any], signer: tuple[type[SigV4Auth], str], seed: int
) -> None:
    chance = random.Random(seed)  # drawn once, since dates make requests differ in length
    asked, body = by_botocore(parts, *signer, None)
    names = read_signature(asked).signed_headers
    places = ["path", "query", "body", *names]
    place = chance.choice(places)
    if place == "body":
        assume(body)
        body = _flipped(body, chance)
    elif place in {"path", "query"}:
        part = getattr(asked, place)
        assume(any(byte in _LETTERS for byte in part))
        asked = asked._replace(**{place: _flipped_letter(part, chance)})
    else:
        assume(any(byte in _LETTERS for byte in asked.header(place.encode()).encode()))
        asked = asked._replace(
            headers=[
                (name, _flipped_letter(value, chance) if name == place.encode() else value)
                for name, value in asked.headers
            ]
        )
    assert check(asked, body, now=now(), service=signer[1]) != ""


_LETTERS = b"ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ0123456789"
"""Bytes whose change is no other spelling of the same (as %2f is of %2F)."""


def _flipped(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def _flipped_letter(data: bytes, chance: random.Random) -> bytes:
    at = chance.choice([place for place, byte in enumerate(data) if byte in _LETTERS])
    other = chance.choice([byte for byte in _LETTERS if byte != data[at]])
    return data[:at] + bytes([other]) + data[at + 1 :]


@given(seed=st.integers(0, 2**32))
def test_flipped_digit_of_a_signature_does_not_verify(seed: int) -> None:
    chance = random.Random(seed)
    digest = VANILLA[3]
    at = chance.randrange(len(digest))
    other = chance.choice([digit for digit in "0123456789abcdefABCDEF" if digit != digest[at]])
    asked = vanilla(**{digest: digest[:at] + other + digest[at + 1 :]})
    assert check(asked, b"", now=NOON_2015) == "InvalidSignatureException"


def test_unsigned_payload_covers_all_but_the_body() -> None:
    parts = {
        "method": "POST",
        "url_path": "/",
        "query_string": {},
        "headers": {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
        "body": b"one",
    }
    asked, body = by_botocore(parts, S3SigV4Auth, "s3", None)
    stated = asked.header(b"x-amz-content-sha256")
    if stated != "UNSIGNED-PAYLOAD":  # botocore overwrites the header over http
        assert check(asked, b"another", now=now(), service="s3") != ""
    assert check(asked, body, now=now(), service="s3") == ""


def test_date_header_takes_the_place_of_the_other() -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    asked = request(
        "GET",
        "/",
        [
            ("Date", at.strftime("%a, %d %b %Y %H:%M:%S GMT")),
            signed("date;host", "0" * 64),
        ],
    )
    assert read_signature(asked).at == at.strftime("%Y%m%dT%H%M%SZ")
    late = at + timedelta(minutes=6)
    assert "Date in Credential scope" in refusal(asked, now=late.timestamp())
