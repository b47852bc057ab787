"""Every form of a function's name leads to the same function, and no other does."""

from __future__ import annotations

import pytest

from emulator.core.function_names import (
    FunctionName,
    NameFault,
    OtherRegionFault,
    Reference,
    Scope,
    is_version,
    refer,
)

HERE = Scope("123456789012", "us-east-1")
ECHO = FunctionName(HERE, "echo")


@pytest.mark.parametrize(
    "form",
    [
        "echo",
        "function:echo",
        "123456789012:echo",
        "123456789012:function:echo",
        "us-east-1:123456789012:function:echo",
        "arn:aws:lambda:us-east-1:123456789012:function:echo",
    ],
)
@pytest.mark.parametrize("qualifier", ["", "7", "live", "$LATEST"])
def test_every_form_names_the_same_function(form: str, qualifier: str) -> None:
    appended = f"{form}:{qualifier}" if qualifier else form
    assert refer(appended, None, HERE) == Reference(ECHO, qualifier)
    assert refer(form, qualifier or None, HERE) == Reference(ECHO, qualifier)
    assert refer(appended, qualifier or None, HERE) == Reference(ECHO, qualifier)


def test_account_of_an_arn_is_that_of_the_function() -> None:
    found = refer("arn:aws:lambda:us-east-1:000000000001:function:echo", None, HERE)
    assert found.function.scope == Scope("000000000001", "us-east-1")


def test_arn_of_another_region_is_out_of_reach() -> None:
    with pytest.raises(OtherRegionFault, match="from 'eu-west-1' are not reachable in this region"):
        refer("arn:aws:lambda:eu-west-1:123456789012:function:echo", None, HERE)


def test_two_qualifiers_must_agree() -> None:
    with pytest.raises(NameFault, match="does not match the specified qualifier"):
        refer("echo:1", "2", HERE)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "echo:", "echo:1:2", "arn:aws:s3:::echo"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(NameFault, match="failed to satisfy constraint"):
        refer(name, None, HERE)


def test_arns_are_aws() -> None:
    assert ECHO.arn() == "arn:aws:lambda:us-east-1:123456789012:function:echo"
    assert ECHO.arn("live") == "arn:aws:lambda:us-east-1:123456789012:function:echo:live"


def test_key_has_the_plain_name_at_home_and_says_where_elsewhere() -> None:
    assert ECHO.key("3", HERE) == "echo:3"
    abroad = ECHO.key("$LATEST", Scope("123456789012", "eu-west-1"))
    assert abroad == "123456789012/us-east-1/echo:$LATEST"
    assert (abroad.name, abroad.version) == ("123456789012/us-east-1/echo", "$LATEST")


def test_versions_are_told_from_aliases() -> None:
    assert [is_version(q) for q in ("$LATEST", "1", "42", "live", "v1")] == [
        *(True, True, True),
        *(False, False),
    ]
