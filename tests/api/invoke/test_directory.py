"""A request's path, query and signature say which function is meant, and where."""

from __future__ import annotations

import pytest

from emulator.api.invoke.directory import asked_for
from emulator.core.function_names import FunctionName, Reference, Scope
from emulator.errors import InvalidParameterValueError, ResourceNotFoundError

HOME = Scope("123456789012", "us-east-1")
ABROAD = Scope("123456789012", "eu-west-1")


def signed(key: str = "AKIDEXAMPLE", region: str = "us-east-1") -> bytes:
    return f"AWS4-HMAC-SHA256 Credential={key}/20261127/{region}/lambda/aws4_request".encode()


def asked(name: str, query: bytes = b"", credential: bytes = b"") -> Reference:
    return asked_for((f"/2015-03-31/functions/{name}/invocations", query, credential), HOME)


@pytest.mark.parametrize(
    ("credential", "scope"),
    [
        (b"", HOME),
        (b"Bearer token", HOME),
        (signed(), HOME),
        (signed(region="eu-west-1"), ABROAD),
        (signed("000000000001"), Scope("000000000001", "us-east-1")),
        (signed("0000000000001"), HOME),
    ],
)
def test_signature_says_which_account_and_region(credential: bytes, scope: Scope) -> None:
    assert asked("echo", credential=credential) == Reference(FunctionName(scope, "echo"))


def test_qualifier_stands_in_the_query_or_after_the_name() -> None:
    echo = FunctionName(HOME, "echo")
    assert asked("echo", b"Qualifier=live") == Reference(echo, "live")
    assert asked("echo", b"Qualifier=%24LATEST") == Reference(echo, "$LATEST")
    assert asked("echo:live") == Reference(echo, "live")
    streamed = ("/2021-11-15/functions/echo/response-streaming-invocations", b"", b"")
    assert asked_for(streamed, HOME) == Reference(echo)


def test_signature_may_stand_in_the_query() -> None:
    query = b"X-Amz-Credential=AKIDEXAMPLE%2F20261127%2Feu-west-1%2Flambda%2Faws4_request"
    assert asked("echo", query) == Reference(FunctionName(ABROAD, "echo"))


def test_arn_of_another_region_is_not_found() -> None:
    with pytest.raises(ResourceNotFoundError, match="'eu-west-1' are not reachable"):
        asked("arn:aws:lambda:eu-west-1:123456789012:function:echo")


@pytest.mark.parametrize("name", ["", "a b", "../echo", "x" * 65])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameterValueError, match="'functionName' failed to satisfy"):
        asked(name)
