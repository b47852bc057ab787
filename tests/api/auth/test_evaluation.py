"""Policy evaluation, after the tables and examples of AWS's documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.api.auth.evaluation import Policies, Request, evaluate, sentence
from emulator.api.auth.patterns import arn_matches
from emulator.api.auth.policy import MalformedPolicyError, Policy, read_policy
from emulator.api.auth.principals import ANONYMOUS, Caller, Kind, service

ACCOUNT = "123456789012"
OTHER = "111122223333"
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:my-function"
INVOKE = "lambda:InvokeFunction"

USER = Caller(Kind.USER, f"arn:aws:iam::{ACCOUNT}:user/ann", ACCOUNT, "ann", "AIDAANN")
ROOT = Caller(Kind.ROOT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/caller"
SESSION = Caller(
    Kind.ROLE,
    f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/one",
    ACCOUNT,
    "one",
    "AROACALLER:one",
    role_arn=ROLE_ARN,
)
STRANGER = Caller(Kind.USER, f"arn:aws:iam::{OTHER}:user/bob", OTHER, "bob", "AIDABOB")


def policy(*statements: dict[str, Any], version: str = "2012-10-17") -> Policy:
    return read_policy(json.dumps({"Version": version, "Statement": list(statements)}))


def allow(action: Any = INVOKE, resource: Any = ARN, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = INVOKE, resource: Any = ARN, **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def told(
    caller: Caller,
    *,
    action: str = INVOKE,
    of: str = ARN,
    context: dict[str, tuple[str, ...]] | None = None,
    **policies: Any,
) -> str:
    """Returns "" for an allowed request, else the end of AWS's sentence for it."""
    request = Request(caller, action, of, ACCOUNT, context or {})
    decision = evaluate(request, Policies(**policies))
    return "" if decision.allowed else sentence(request, decision).partition(of)[2].strip()


def no(kind: str) -> str:
    return f"because no {kind} allows the {INVOKE} action"


def explicit(kind: str) -> str:
    return f"with an explicit deny in {kind}"


def to(principal: Any, **more: Any) -> dict[str, Any]:
    return allow(Principal=principal, **more)


# the caller's own policies


def test_nothing_is_allowed_that_no_policy_allows() -> None:
    request = Request(USER, INVOKE, ARN, ACCOUNT)
    assert sentence(request, evaluate(request, Policies())) == (
        f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: "
        f"lambda:InvokeFunction on resource: {ARN} because no identity-based policy allows the "
        "lambda:InvokeFunction action"
    )


@pytest.mark.parametrize(
    ("action", "where"),
    [("lambda:ListFunctions", " on resource: *"), ("cloudwatch:ListMetrics", "")],
)
def test_refused_action_without_a_resource_is_told_as_its_service_does(
    action: str, where: str
) -> None:
    request = Request(USER, action, "*", ACCOUNT)
    told = sentence(request, evaluate(request, Policies()))
    assert f"perform: {action}{where} because no identity-based policy" in told


def test_identity_policy_allows() -> None:
    assert told(USER, identity=(policy(allow()),)) == ""


def test_explicit_deny_goes_before_every_allow() -> None:
    both = policy(allow(), deny())
    assert told(USER, identity=(both,)) == explicit("an identity-based policy")
    apart = (policy(allow("*", "*")), policy(deny("lambda:*", "*")))
    assert told(USER, identity=apart) == explicit("an identity-based policy")
    assert told(
        USER, identity=(policy(allow()),), resource=policy(deny(Principal="*"))
    ) == explicit("a resource-based policy")
    assert told(
        USER, identity=(policy(allow()),), boundary=policy(allow("*", "*"), deny())
    ) == explicit("a permissions boundary")
    assert told(
        SESSION, identity=(policy(allow()),), session=(policy(allow(), deny()),)
    ) == explicit("a session policy")


def test_root_may_do_everything_but_what_a_resource_denies() -> None:
    assert told(ROOT) == ""
    assert told(ROOT, resource=policy(deny(Principal={"AWS": ACCOUNT}))) == explicit(
        "a resource-based policy"
    )


def test_boundary_limits_what_identity_policies_allow() -> None:
    mine = (policy(allow("*", "*")),)
    assert told(USER, identity=mine, boundary=policy(allow("s3:*", "*"))) == no(
        "permissions boundary"
    )
    assert told(USER, identity=mine, boundary=policy(allow("lambda:*", "*"))) == ""
    assert told(USER, boundary=policy(allow("lambda:*", "*"))) == no("identity-based policy")


def test_session_policy_limits_a_session() -> None:
    mine = (policy(allow("*", "*")),)
    assert told(SESSION, identity=mine, session=(policy(allow("s3:*", "*")),)) == no(
        "session policy"
    )
    assert told(SESSION, identity=mine, session=(policy(allow()),)) == ""


# resources' policies


@pytest.mark.parametrize(
    ("caller", "principal", "expected"),
    [
        (USER, {"AWS": USER.arn}, ""),
        (USER, {"AWS": "AIDAANN"}, ""),
        (USER, "*", ""),
        (USER, {"AWS": "*"}, ""),
        (USER, {"AWS": [STRANGER.arn, USER.arn]}, ""),
        (USER, {"AWS": f"{USER.arn}a"}, no("identity-based policy")),
        # an account's principal lets the account's own policies decide
        (USER, {"AWS": ACCOUNT}, no("identity-based policy")),
        (USER, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, no("identity-based policy")),
        (SESSION, {"AWS": ROLE_ARN}, ""),
        (SESSION, {"AWS": SESSION.arn}, ""),
        (SESSION, {"AWS": SESSION.arn + "x"}, no("identity-based policy")),
        (USER, {"Service": "s3.amazonaws.com"}, no("identity-based policy")),
        (service("s3.amazonaws.com"), {"Service": "s3.amazonaws.com"}, ""),
        (
            service("s3.amazonaws.com"),
            {"Service": "sns.amazonaws.com"},
            no("resource-based policy"),
        ),
        (service("s3.amazonaws.com"), {"AWS": ACCOUNT}, no("resource-based policy")),
        (ANONYMOUS, "*", ""),
        (ANONYMOUS, {"AWS": ACCOUNT}, no("resource-based policy")),
    ],
)
def test_resource_policy_grants_within_the_account(
    caller: Caller, principal: Any, expected: str
) -> None:
    assert told(caller, resource=policy(to(principal))) == expected


def test_boundary_does_not_limit_a_grant_to_the_user_or_session_itself() -> None:
    boundary = policy(allow("s3:*", "*"))
    for caller, principal, expected in (
        (USER, USER.arn, ""),
        (SESSION, SESSION.arn, ""),
        (SESSION, ROLE_ARN, no("permissions boundary")),
    ):
        granted = policy(to({"AWS": principal}))
        assert told(caller, boundary=boundary, resource=granted) == expected


def test_caller_of_another_account_needs_both() -> None:
    mine, theirs = (policy(allow()),), policy(to({"AWS": OTHER}))
    assert told(STRANGER, identity=mine, resource=theirs) == ""
    assert told(STRANGER, identity=mine) == no("resource-based policy")
    assert told(STRANGER, resource=theirs) == no("identity-based policy")
    root = Caller(Kind.ROOT, f"arn:aws:iam::{OTHER}:root", OTHER)
    assert told(root) == no("resource-based policy")
    assert told(root, resource=theirs) == ""


def test_not_principal_denies_everyone_else() -> None:
    guarded = policy(to({"AWS": USER.arn}), {**deny(), "NotPrincipal": {"AWS": USER.arn}})
    assert told(USER, resource=guarded) == ""
    assert told(STRANGER, identity=(policy(allow()),), resource=guarded) == explicit(
        "a resource-based policy"
    )


def test_trust_decides_who_may_assume_a_role() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/worker"
    trust: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    named, account = (policy({**trust, "Principal": {"AWS": who}}) for who in (USER.arn, ACCOUNT))
    mine = (policy(allow("sts:AssumeRole", role)),)

    def may(caller: Caller, trusted: Policy, identity: tuple[Policy, ...] = ()) -> bool:
        request = Request(caller, "sts:AssumeRole", role, ACCOUNT)
        return evaluate(
            request, Policies(identity, resource=trusted, resource_decides=True)
        ).allowed

    assert may(USER, named)
    assert not may(SESSION, named, mine)
    assert may(SESSION, account, mine)
    assert not may(SESSION, account)


# statements


@pytest.mark.parametrize(
    ("statement", "action", "expected"),
    [
        ({"Action": "lambda:*"}, INVOKE, True),
        ({"Action": "Lambda:invoke*"}, INVOKE, True),
        ({"Action": ["lambda:Get*", "lambda:List*"]}, INVOKE, False),
        ({"Action": "*"}, INVOKE, True),
        ({"Action": "lambda:InvokeFunctio?"}, INVOKE, True),
        ({"Action": "lambda:InvokeFunction"}, "lambda:InvokeFunctionUrl", False),
        ({"NotAction": "lambda:Delete*"}, INVOKE, True),
        ({"NotAction": "lambda:*"}, INVOKE, False),
    ],
)
def test_action_is_covered_by_name_wildcard_or_not_action(
    statement: dict[str, Any], action: str, expected: bool
) -> None:
    mine = policy({"Effect": "Allow", "Resource": "*", **statement})
    assert (told(USER, action=action, identity=(mine,)) == "") is expected


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        (ARN, ARN, True),
        # Lambda developer guide, "Fine-tuning the Resources and Conditions sections of policies"
        (ARN, f"{ARN}:1", False),
        (f"{ARN}:*", ARN, False),
        (f"{ARN}:*", f"{ARN}:prod", True),
        (f"{ARN}*", f"{ARN}:$LATEST", True),
        (f"{ARN}:${{*}}LATEST", f"{ARN}:*LATEST", True),
        ("arn:aws:lambda:*:*:function:my-*", ARN, True),
        ("arn:aws:lambda:*", ARN, True),
        ("arn:aws:lambda:us-east-1::function:*", ARN, False),
        ("arn:aws:*:function:my-function", ARN, False),
        ("*", ARN, True),
        ("arn:aws:lambda:us-*-1:123456789012:function:my-functio?", ARN, True),
        (f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:${{aws:username}}-*", ARN, False),
    ],
)
def test_resource_is_covered_by_its_pattern(pattern: str, resource: str, expected: bool) -> None:
    mine = policy(allow(resource=pattern))
    context = {"aws:username": ("ann",)}
    allowed = told(USER, of=resource, identity=(mine,), context=context) == ""
    assert allowed is expected


def test_variable_in_a_resource_is_the_callers() -> None:
    mine = policy(allow(resource=f"arn:aws:lambda:*:{ACCOUNT}:function:${{aws:username}}-*"))
    ann = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:ann-1"
    context = {"aws:username": ("ann",)}
    assert told(USER, of=ann, identity=(mine,), context=context) == ""
    assert told(USER, of=ann, identity=(mine,)) != ""
    plain = policy(
        allow(resource=f"arn:aws:lambda:*:{ACCOUNT}:function:${{aws:username}}-*"),
        version="2008-10-17",
    )
    assert told(USER, of=ann, identity=(plain,), context=context) != ""


def test_not_resource_is_everything_else() -> None:
    mine = policy({"Effect": "Allow", "Action": INVOKE, "NotResource": [ARN, f"{ARN}:*"]})
    assert told(USER, identity=(mine,)) == no("identity-based policy")
    assert told(USER, identity=(mine,), of=f"{ARN}2") == ""


# conditions of Lambda's documentation


def test_service_is_held_to_its_resource_and_account() -> None:
    """Lambda developer guide, "Granting Lambda function access to AWS services"."""
    granted = policy(
        to(
            {"Service": "s3.amazonaws.com"},
            Condition={
                "StringEquals": {"AWS:SourceAccount": ACCOUNT},
                "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::amzn-s3-demo-bucket"},
            },
        )
    )
    bucket = {
        "aws:sourcearn": ("arn:aws:s3:::amzn-s3-demo-bucket",),
        "aws:sourceaccount": (ACCOUNT,),
    }
    s3 = service("s3.amazonaws.com")
    assert evaluate(Request(s3, INVOKE, ARN, ACCOUNT, bucket), Policies(resource=granted)).allowed
    other = bucket | {"aws:sourceaccount": (OTHER,)}
    assert not evaluate(
        Request(s3, INVOKE, ARN, ACCOUNT, other), Policies(resource=granted)
    ).allowed


def test_public_url_is_open_to_everyone_where_its_policy_says_so() -> None:
    """Lambda developer guide, "Control access to Lambda function URLs"."""
    granted = policy(
        to(
            "*",
            Action="lambda:InvokeFunctionUrl",
            Condition={"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        )
    )
    url = "lambda:InvokeFunctionUrl"
    for auth, expected in (("NONE", True), ("AWS_IAM", False)):
        request = Request(ANONYMOUS, url, ARN, ACCOUNT, {"lambda:functionurlauthtype": (auth,)})
        assert evaluate(request, Policies(resource=granted)).allowed is expected


def test_organization_is_absent() -> None:
    granted = policy(to("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}))
    assert told(STRANGER, identity=(policy(allow()),), resource=granted) == no(
        "resource-based policy"
    )


def test_layers_are_those_that_a_policy_names() -> None:
    """Lambda developer guide, example of lambda:Layer."""
    mine = policy(
        allow(
            "lambda:CreateFunction",
            "*",
            Condition={
                "ForAllValues:StringLike": {
                    "lambda:Layer": [f"arn:aws:lambda:*:{ACCOUNT}:layer:*:*"]
                }
            },
        )
    )
    own, foreign = (f"arn:aws:lambda:us-east-1:{who}:layer:l:1" for who in (ACCOUNT, OTHER))

    def may(*layers: str) -> bool:
        context = {"lambda:layer": layers} if layers else {}
        request = Request(USER, "lambda:CreateFunction", ARN, ACCOUNT, context)
        return evaluate(request, Policies((mine,))).allowed

    assert may(own)
    assert may()
    assert not may(own, foreign)


def test_region_of_the_request_counts() -> None:
    mine = policy(
        allow(Condition={"StringEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]}})
    )
    here = {"aws:requestedregion": ("us-east-1",)}
    there = {"aws:requestedregion": ("us-west-2",)}
    assert told(USER, identity=(mine,), context=here) == ""
    assert told(USER, identity=(mine,), context=there) != ""


# documents


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        "{}",
        {"Version": "2013-01-01", "Statement": []},
        {"Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": 1, "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Conditon": {}}]},
        {"Statement": [{"Effect": "Allow", "Action": "*", "Principal": "me"}]},
        {"Statement": [{"Effect": "Deny", "Action": "*", "Condition": {"Is": {"a": "b"}}}]},
    ],
)
def test_document_that_iam_refuses_is_refused(document: Any) -> None:
    with pytest.raises(MalformedPolicyError):
        read_policy(document)


def test_single_statement_needs_no_list() -> None:
    read = read_policy({"Version": "2012-10-17", "Statement": allow()})
    assert told(USER, identity=(read,)) == ""


def test_texts_that_are_no_arns_are_compared_as_they_are() -> None:
    assert arn_matches("my-*", "my-thing")
    assert not arn_matches("arn:aws:lambda:*", "my-thing")
