"""Who may call AWS's APIs under `--auth strict`, through boto3; users and roles are moto's."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.api.auth.conftest import (
    ACCOUNT,
    FUNCTION,
    FUNCTION_ARN,
    LAMBDA_TRUST,
    REGION,
    Keys,
    allowing,
)
from tests.api.control.conftest import create

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.api.auth.conftest import Strict

INVOKE = "lambda:InvokeFunction"


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """Returns code and sentence of a call that is refused with 403, or as its service does."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def get(strict: Strict, path: str) -> tuple[int, str, dict[str, Any]]:
    """Asks without a signature; returns status, error type and body."""
    try:
        with urllib.request.urlopen(f"{strict.api.url}{path}") as answer:
            return answer.status, "", json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["x-amzn-errortype"], json.loads(error.read())


# signatures


def test_unsigned_call_is_refused(strict: Strict) -> None:
    assert get(strict, "/2015-03-31/functions") == (
        403,
        "MissingAuthenticationTokenException",
        {"message": "Missing Authentication Token"},
    )


def test_unknown_key_and_wrong_secret_are_refused(strict: Strict) -> None:
    unknown = strict.client("lambda", Keys("AKIAUNKNOWN", "x"))
    assert refusal(unknown.list_functions) == (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )
    wrong = strict.client("lambda", replace(strict.root, secret="x"))
    assert refusal(wrong.list_functions)[0] == "InvalidSignatureException"
    assert refusal(wrong.invoke, FunctionName=FUNCTION)[0] == "InvalidSignatureException"


def test_root_may_do_everything(strict: Strict) -> None:
    client = strict.client("lambda")
    assert client.invoke(FunctionName=FUNCTION, Payload=b"{}")["StatusCode"] == 200
    assert [found["FunctionName"] for found in client.list_functions()["Functions"]] == [FUNCTION]


def test_key_that_was_made_inactive_is_unknown(strict: Strict) -> None:
    name, keys = strict.user(allowing("lambda:*"))
    assert strict.client("lambda", keys).list_functions()
    strict.client("iam").update_access_key(
        UserName=name, AccessKeyId=keys.access, Status="Inactive"
    )
    assert refusal(strict.client("lambda", keys).list_functions)[0] == "UnrecognizedClientException"


# rights of users


def test_user_without_a_right_is_refused_in_awss_words(strict: Strict) -> None:
    name, keys = strict.user(allowing("s3:*"))
    client = strict.client("lambda", keys)
    who = f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform:"
    assert refusal(client.invoke, FunctionName=FUNCTION) == (
        "AccessDeniedException",
        (
            f"{who} lambda:InvokeFunction on resource: {FUNCTION_ARN} because no identity-based "
            "policy allows the lambda:InvokeFunction action"
        ),
    )
    assert refusal(client.get_function, FunctionName=FUNCTION, Qualifier="$LATEST")[1].startswith(
        f"{who} lambda:GetFunction on resource: {FUNCTION_ARN}:$LATEST because no"
    )
    assert refusal(client.list_functions)[1] == (
        f"{who} lambda:ListFunctions on resource: * because no identity-based policy allows the "
        "lambda:ListFunctions action"
    )


def test_change_of_a_policy_is_seen_at_once(strict: Strict) -> None:
    name, keys = strict.user()
    client, iam = strict.client("lambda", keys), strict.client("iam")
    assert refusal(client.invoke, FunctionName=FUNCTION)[0] == "AccessDeniedException"
    iam.put_user_policy(
        UserName=name, PolicyName="own", PolicyDocument=allowing(INVOKE, resource=FUNCTION_ARN)
    )
    assert client.invoke(FunctionName=FUNCTION)["StatusCode"] == 200
    # the ARN of the function is not that of its version
    assert refusal(client.invoke, FunctionName=FUNCTION, Qualifier="$LATEST")[0] == (
        "AccessDeniedException"
    )
    iam.delete_user_policy(UserName=name, PolicyName="own")
    assert refusal(client.invoke, FunctionName=FUNCTION)[0] == "AccessDeniedException"


def test_policies_of_groups_and_of_aws_count(strict: Strict) -> None:
    name, keys = strict.user()
    iam = strict.client("iam")
    iam.create_group(GroupName=f"of-{name}")
    iam.add_user_to_group(GroupName=f"of-{name}", UserName=name)
    iam.attach_group_policy(
        GroupName=f"of-{name}", PolicyArn="arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess"
    )
    client = strict.client("lambda", keys)
    assert client.get_function(FunctionName=FUNCTION)
    assert refusal(client.delete_function, FunctionName=FUNCTION)[0] == "AccessDeniedException"


def test_conditions_see_the_request(strict: Strict) -> None:
    _, keys = strict.user(
        allowing(INVOKE, Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}),
        allowing("lambda:ListFunctions", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}),
    )
    client = strict.client("lambda", keys)
    assert refusal(client.invoke, FunctionName=FUNCTION)[0] == "AccessDeniedException"
    assert client.list_functions()["Functions"]


def test_logs_and_metrics_need_their_own_rights(strict: Strict) -> None:
    group = f"/aws/lambda/{FUNCTION}"
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    root = strict.client("logs")
    root.create_log_group(logGroupName=group)
    name, keys = strict.user(allowing("logs:FilterLogEvents", resource=f"{arn}:*"))
    logs, metrics = strict.client("logs", keys), strict.client("cloudwatch", keys)
    assert logs.filter_log_events(logGroupName=group)["events"] is not None
    assert refusal(logs.describe_log_groups) == (
        "AccessDeniedException",
        (
            f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: "
            f"logs:DescribeLogGroups on resource: {arn.removesuffix(group)}:log-stream: because "
            "no identity-based policy allows the logs:DescribeLogGroups action"
        ),
    )
    assert refusal(metrics.list_metrics)[1].endswith(
        "because no identity-based policy allows the cloudwatch:ListMetrics action"
    )
    root.delete_log_group(logGroupName=group)


# roles


def assumed(strict: Strict, keys: Keys, role: str, **more: Any) -> Keys:
    made = strict.client("sts", keys).assume_role(RoleArn=role, RoleSessionName="one", **more)
    found = made["Credentials"]
    return Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


def trusting(principal: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_session_has_its_roles_rights(strict: Strict) -> None:
    name, keys = strict.user()
    role = strict.role(
        trusting(f"arn:aws:iam::{ACCOUNT}:user/{name}"), allowing(INVOKE, resource=FUNCTION_ARN)
    )
    session = assumed(strict, keys, role)
    client = strict.client("lambda", session)
    assert client.invoke(FunctionName=FUNCTION)["StatusCode"] == 200
    session_arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/one"
    assert session_arn in refusal(client.list_functions)[1]
    told = strict.client("sts", session).get_caller_identity()
    assert (told["Arn"], told["Account"]) == (session_arn, ACCOUNT)


def test_session_needs_its_token(strict: Strict) -> None:
    name, keys = strict.user()
    role = strict.role(trusting(f"arn:aws:iam::{ACCOUNT}:user/{name}"), allowing("lambda:*"))
    session = assumed(strict, keys, role)
    for token in (None, "another"):
        client = strict.client("lambda", replace(session, token=token))
        assert refusal(client.list_functions)[0] == "UnrecognizedClientException"


def test_role_is_assumed_by_whom_it_trusts(strict: Strict) -> None:
    name, keys = strict.user()
    role = strict.role(LAMBDA_TRUST)
    code, sentence = refusal(
        strict.client("sts", keys).assume_role, RoleArn=role, RoleSessionName="one"
    )
    assert code == "AccessDenied"
    assert sentence.startswith(
        f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: sts:AssumeRole "
        f"on resource: {role}"
    )
    # the account's principal lets the user's own policies decide
    open_role = strict.role(trusting(ACCOUNT))
    assume = strict.client("sts", keys).assume_role
    assert refusal(assume, RoleArn=open_role, RoleSessionName="one")[0] == "AccessDenied"
    strict.client("iam").put_user_policy(
        UserName=name, PolicyName="p", PolicyDocument=allowing("sts:AssumeRole", resource=open_role)
    )
    assert assume(RoleArn=open_role, RoleSessionName="one")["Credentials"]


def test_session_policy_and_boundary_limit_a_session(strict: Strict) -> None:
    name, keys = strict.user()
    boundary = strict.client("iam").create_policy(
        PolicyName=f"boundary-{name}", PolicyDocument=allowing("lambda:Get*", "lambda:List*")
    )["Policy"]["Arn"]
    role = strict.role(
        trusting(f"arn:aws:iam::{ACCOUNT}:user/{name}"),
        allowing("lambda:*"),
        PermissionsBoundary=boundary,
    )
    client = strict.client("lambda", assumed(strict, keys, role))
    assert client.list_functions()
    assert refusal(client.invoke, FunctionName=FUNCTION)[1].endswith(
        "because no permissions boundary allows the lambda:InvokeFunction action"
    )
    limited = assumed(strict, keys, role, Policy=allowing("lambda:GetFunction"))
    client = strict.client("lambda", limited)
    assert client.get_function(FunctionName=FUNCTION)
    assert refusal(client.list_functions)[1].endswith(
        "because no session policy allows the lambda:ListFunctions action"
    )


# functions' roles and policies


def test_creator_must_be_allowed_to_pass_the_role(strict: Strict) -> None:
    role = strict.role(LAMBDA_TRUST)
    name, keys = strict.user(allowing("lambda:CreateFunction", "lambda:GetFunction*"))
    client = strict.client("lambda", keys)
    assert refusal(lambda: create(client, "passed", Role=role)) == (
        "AccessDeniedException",
        (
            f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: iam:PassRole "
            f"on resource: {role} because no identity-based policy allows the iam:PassRole action"
        ),
    )
    strict.client("iam").put_user_policy(
        UserName=name,
        PolicyName="pass",
        PolicyDocument=allowing(
            "iam:PassRole",
            resource=role,
            Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        ),
    )
    assert create(client, "passed", Role=role)["Role"] == role
    strict.client("lambda").delete_function(FunctionName="passed")


@pytest.mark.parametrize("role", ["trusts-others", "is-not-there"])
def test_role_must_trust_lambda(strict: Strict, role: str) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    if role == "trusts-others":
        arn = strict.role(trusting(ACCOUNT))
    client = strict.client("lambda")
    assert refusal(lambda: create(client, "untrusted", Role=arn)) == (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    )


@pytest.mark.parametrize("arn", ["x", "arn:", "arn:aws:iam", "arn:aws:lambda:r:1:layer:l:1:"])
def test_name_that_is_no_arn_is_refused_and_breaks_nothing(strict: Strict, arn: str) -> None:
    _, keys = strict.user(allowing("lambda:*", "sts:*", "iam:*"))
    for who in (keys, strict.root):
        client = strict.client("lambda", who, parameter_validation=False)
        for call, members in (
            (client.tag_resource, {"Resource": arn, "Tags": {"a": "b"}}),
            (client.get_layer_version_by_arn, {"Arn": arn}),
            (client.update_function_configuration, {"FunctionName": FUNCTION, "Role": arn}),
            (client.update_function_configuration, {"FunctionName": FUNCTION, "Layers": [arn]}),
        ):
            assert not refusal(call, **members)[0].startswith("Service")
        sts = strict.client("sts", who, parameter_validation=False)
        assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="s")[0] == "AccessDenied"


def test_functions_policy_grants_to_a_user_without_any(strict: Strict) -> None:
    name, keys = strict.user()
    own, client = strict.client("lambda"), strict.client("lambda", keys)
    own.add_permission(
        FunctionName=FUNCTION,
        StatementId=name,
        Action=INVOKE,
        Principal=f"arn:aws:iam::{ACCOUNT}:user/{name}",
    )
    assert client.invoke(FunctionName=FUNCTION)["StatusCode"] == 200
    assert refusal(client.get_function, FunctionName=FUNCTION)[0] == "AccessDeniedException"
    own.remove_permission(FunctionName=FUNCTION, StatementId=name)
    assert refusal(client.invoke, FunctionName=FUNCTION)[0] == "AccessDeniedException"


def test_tags_of_the_function_count(strict: Strict) -> None:
    _, keys = strict.user(
        allowing(INVOKE, Condition={"StringEquals": {"aws:ResourceTag/team": "core"}})
    )
    own, client = strict.client("lambda"), strict.client("lambda", keys)
    assert refusal(client.invoke, FunctionName=FUNCTION)[0] == "AccessDeniedException"
    own.tag_resource(Resource=FUNCTION_ARN, Tags={"team": "core"})
    assert client.invoke(FunctionName=FUNCTION)["StatusCode"] == 200
    own.untag_resource(Resource=FUNCTION_ARN, TagKeys=["team"])


# sessions of functions' roles


def test_code_acts_as_its_functions_role(strict: Strict) -> None:
    role = strict.role(LAMBDA_TRUST, allowing("s3:ListAllMyBuckets"))
    configuration = replace(_any_configuration(strict), role=role, name="worker")
    found = strict.sessions.environment(configuration)
    keys = Keys(
        found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], found["AWS_SESSION_TOKEN"]
    )
    told = strict.client("sts", keys).get_caller_identity()
    assert told["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/worker"
    assert strict.client("s3", keys).list_buckets()["Buckets"] is not None
    assert refusal(strict.client("lambda", keys).list_functions)[0] == "AccessDeniedException"


def _any_configuration(strict: Strict) -> Any:
    return next(iter(strict.api.engine.functions.values()))


# function URLs


class Told(NamedTuple):
    status: int
    body: str
    reason: str = ""


def signed_get(keys: Keys, url: str) -> Told:
    """Asks a function's URL with a signature."""
    host = urlsplit(url).netloc
    asked = AWSRequest(method="GET", url=f"http://{host}/", headers={"host": host})
    SigV4Auth(Credentials(keys.access, keys.secret, keys.token), "lambda", REGION).add_auth(asked)
    return ask(url, dict(asked.headers.items()))


def ask(url: str, headers: dict[str, str]) -> Told:
    parts = urlsplit(url)
    plain = f"http://127.0.0.1:{parts.port}/"
    request = urllib.request.Request(plain, headers={"host": parts.netloc} | headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return Told(answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            reason = error.headers.get("x-testbed-reason", "")
            return Told(error.code, error.read().decode(), reason)


@pytest.fixture
def url(strict: Strict) -> Iterator[str]:
    own = strict.client("lambda")
    made = own.create_function_url_config(FunctionName=FUNCTION, AuthType="AWS_IAM")
    port = strict.api.url.rpartition(":")[2]
    yield f"http://{urlsplit(made['FunctionUrl']).hostname}:{port}/"
    own.delete_function_url_config(FunctionName=FUNCTION)


def test_signed_url_needs_the_right_to_it(strict: Strict, url: str) -> None:
    via_url = {"Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}}
    _, keys = strict.user(
        allowing("lambda:InvokeFunctionUrl", resource=FUNCTION_ARN),
        allowing(INVOKE, resource=FUNCTION_ARN, **via_url),
    )
    assert signed_get(keys, url)[0] == 200
    for allowed, missing in (
        (INVOKE, "lambda:InvokeFunctionUrl"),
        ("lambda:InvokeFunctionUrl", INVOKE),
    ):
        _, other = strict.user(allowing(allowed, resource=FUNCTION_ARN))
        answer = signed_get(other, url)
        assert answer.status == 403
        assert json.loads(answer.body) == {
            "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
            "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
        }
        assert f"not authorized to perform: {missing} on resource" in answer.reason
    assert signed_get(replace(keys, secret="x"), url)[0] == 403
    assert ask(url, {})[0] == 403


def test_public_url_needs_a_policy_that_lets_everyone_in(strict: Strict) -> None:
    own = strict.client("lambda")
    made = own.create_function_url_config(FunctionName=FUNCTION, AuthType="NONE")
    port = strict.api.url.rpartition(":")[2]
    url = f"http://{urlsplit(made['FunctionUrl']).hostname}:{port}/"
    try:
        assert ask(url, {})[0] == 403
        own.add_permission(
            FunctionName=FUNCTION,
            StatementId="public",
            Action="lambda:InvokeFunctionUrl",
            Principal="*",
            FunctionUrlAuthType="NONE",
        )
        assert ask(url, {})[0] == 403
        own.add_permission(
            FunctionName=FUNCTION,
            StatementId="public-invoke",
            Action=INVOKE,
            Principal="*",
            InvokedViaFunctionUrl=True,
        )
        assert ask(url, {})[0] == 200
        for statement in ("public", "public-invoke"):
            own.remove_permission(FunctionName=FUNCTION, StatementId=statement)
    finally:
        own.delete_function_url_config(FunctionName=FUNCTION)
