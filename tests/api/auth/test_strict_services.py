"""What is asked of the companion under `--auth strict`, through boto3 and in hostile ways."""

from __future__ import annotations

import http.client
import itertools
import json
import urllib.error
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.api.auth.conftest import ACCOUNT, LAMBDA_TRUST, REGION, Keys, allowing
from tests.api.auth.test_strict import refusal

if TYPE_CHECKING:
    from tests.api.auth.conftest import Strict

_numbers = itertools.count(1)


def bucket(strict: Strict, **objects: str) -> str:
    """Makes a bucket with objects, as the root."""
    name, s3 = f"bucket{next(_numbers)}", strict.client("s3")
    s3.create_bucket(Bucket=name)
    for key, text in objects.items():
        s3.put_object(Bucket=name, Key=key, Body=text.encode())
    return name


def send(
    strict: Strict,
    keys: Keys,
    service: str,
    method: str = "POST",
    target: str = "/",
    *,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    after: dict[str, str] | None = None,
    sent_body: bytes | None = None,
    signer: type[SigV4Auth] = SigV4Auth,
) -> tuple[int, str]:
    """Signs and sends a request by hand; `after` and `sent_body` replace what was signed."""
    asked = AWSRequest(method=method, url=strict.api.url + target, data=body, headers=headers or {})
    signer(Credentials(keys.access, keys.secret, keys.token), service, REGION).add_auth(asked)
    parts = urlsplit(asked.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=60)
    whole = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    sent = {str(name): str(value) for name, value in asked.headers.items()} | (after or {})
    connection.request(method, whole, body if sent_body is None else sent_body, sent)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_objects_are_for_who_has_the_right(strict: Strict) -> None:
    mine, theirs = bucket(strict, a="x"), bucket(strict, secret="y")
    name, keys = strict.user(
        allowing("s3:GetObject", "s3:PutObject", resource=f"arn:aws:s3:::{mine}/*"),
        allowing("s3:ListBucket", resource=f"arn:aws:s3:::{mine}"),
    )
    s3 = strict.client("s3", keys)
    s3.put_object(Bucket=mine, Key="b", Body=b"z" * 100_000)
    assert s3.get_object(Bucket=mine, Key="b")["Body"].read() == b"z" * 100_000
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=mine)["Contents"]] == ["a", "b"]
    code, sentence = refusal(s3.get_object, Bucket=theirs, Key="secret")
    assert code == "AccessDenied"
    assert sentence == (
        f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: s3:GetObject on "
        f"resource: arn:aws:s3:::{theirs}/secret because no identity-based policy allows the "
        "s3:GetObject action"
    )
    assert refusal(s3.delete_object, Bucket=mine, Key="a")[0] == "AccessDenied"
    assert refusal(s3.list_buckets)[0] == "AccessDenied"


def test_who_copies_must_be_allowed_to_read(strict: Strict) -> None:
    mine, theirs = bucket(strict), bucket(strict, secret="y")
    _, keys = strict.user(allowing("s3:*", resource=f"arn:aws:s3:::{mine}/*"))
    copy = strict.client("s3", keys).copy_object
    source = {"Bucket": theirs, "Key": "secret"}
    assert refusal(copy, Bucket=mine, Key="own", CopySource=source)[0] == "AccessDenied"
    strict.client("s3").copy_object(Bucket=mine, Key="own", CopySource=source)


def test_presigned_url_works_as_its_signer(strict: Strict) -> None:
    mine, theirs = bucket(strict, a="x"), bucket(strict, secret="y")
    _, keys = strict.user(allowing("s3:GetObject", resource=f"arn:aws:s3:::{mine}/*"))
    s3 = strict.client("s3", keys, signature_version="s3v4")

    def presigned(name: str, key: str) -> str:
        return str(s3.generate_presigned_url("get_object", {"Bucket": name, "Key": key}))

    with urllib.request.urlopen(presigned(mine, "a")) as answer:
        assert answer.read() == b"x"
    for url in (presigned(theirs, "secret"), presigned(mine, "a").replace("/a?", "/b?")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url)
        assert refused.value.code == 403
        refused.value.close()


def test_object_whose_bytes_are_not_the_signed_ones_is_not_kept(strict: Strict) -> None:
    mine = bucket(strict)
    with pytest.raises((http.client.HTTPException, OSError)):
        send(
            strict,
            strict.root,
            "s3",
            "PUT",
            f"/{mine}/a",
            body=b"signed",
            sent_body=b"forged",
            signer=S3SigV4Auth,
        )
    assert "Contents" not in strict.client("s3").list_objects_v2(Bucket=mine)


@pytest.mark.parametrize(
    "path", ["//{}/secret", "/%2F{}/secret", "/mine/../{}/secret", "/./{}/secret"]
)
def test_no_spelling_of_a_path_leads_elsewhere(strict: Strict, path: str) -> None:
    theirs = bucket(strict, secret="hidden")
    _, keys = strict.user(
        allowing("s3:ListAllMyBuckets"), allowing("s3:*", resource="arn:aws:s3:::mine*")
    )
    answer = send(strict, keys, "s3", "GET", path.format(theirs), signer=S3SigV4Auth)
    assert "hidden" not in answer[1]


def test_host_names_no_other_bucket_than_is_checked(strict: Strict) -> None:
    mine = bucket(strict, secret="own")
    theirs = bucket(strict, **{f"{mine}/secret": "hidden"})
    _, keys = strict.user(allowing("s3:GetObject", resource=f"arn:aws:s3:::{mine}/*"))
    for domain in ("localhost", "s3.localhost", "s3.amazonaws.com", "S3.amazonaws.com", "a.b"):
        host = f"{theirs}.{domain}"
        _, text = send(
            strict,
            keys,
            "s3",
            "GET",
            f"/{mine}/secret",
            headers={"Host": host},
            signer=S3SigV4Auth,
        )
        assert "hidden" not in text


def test_actions_of_json_services_are_checked(strict: Strict) -> None:
    queue = strict.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    other = strict.client("sqs").create_queue(QueueName="other")["QueueUrl"]
    _, keys = strict.user(
        allowing("sqs:SendMessage", resource=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"),
        allowing("dynamodb:GetItem", resource=f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t"),
    )
    sqs = strict.client("sqs", keys)
    assert sqs.send_message(QueueUrl=queue, MessageBody="hello")["MessageId"]
    assert refusal(sqs.send_message, QueueUrl=other, MessageBody="x")[0] == "AccessDeniedException"
    assert refusal(sqs.receive_message, QueueUrl=queue)[0] == "AccessDeniedException"
    dynamodb = strict.client("dynamodb", keys)
    key = {"id": {"S": "1"}}
    assert refusal(dynamodb.get_item, TableName="u", Key=key)[0] == "AccessDeniedException"
    # the right is there, and the table is not
    assert refusal(dynamodb.get_item, TableName="t", Key=key)[0] == "ResourceNotFoundException"


def test_identity_is_told_to_everyone(strict: Strict) -> None:
    name, keys = strict.user()
    assert strict.client("sts", keys).get_caller_identity()["Arn"] == (
        f"arn:aws:iam::{ACCOUNT}:user/{name}"
    )
    told = strict.client("sts").get_caller_identity()
    assert (told["Arn"], told["UserId"]) == (f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)


def test_errors_are_those_of_the_service(strict: Strict) -> None:
    wrong = replace(strict.root, secret="x")
    unknown = Keys("AKIAUNKNOWN", "x")
    assert refusal(strict.client("iam", wrong).list_users)[0] == "SignatureDoesNotMatch"
    assert refusal(strict.client("iam", unknown).list_users)[0] == "InvalidClientTokenId"
    assert refusal(strict.client("s3", wrong).list_buckets)[0] == "SignatureDoesNotMatch"
    assert refusal(strict.client("s3", unknown).list_buckets)[0] == "InvalidAccessKeyId"
    assert refusal(strict.client("sqs", unknown).list_queues)[0] == "UnrecognizedClientException"


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CREATE_USER = b"Action=CreateUser&Version=2010-05-08&UserName=intruder"


def intruder(strict: Strict) -> bool:
    users = strict.client("iam").list_users()["Users"]
    return any(user["UserName"] == "intruder" for user in users)


def test_right_to_one_service_is_none_to_another(strict: Strict) -> None:
    _, keys = strict.user(allowing("sqs:*"), allowing("s3:*"), allowing("iam:ListUsers"))
    hostile: list[dict[str, Any]] = [
        {"service": "sqs", "body": CREATE_USER, "headers": FORM},
        {"service": "sqs", "sent_body": CREATE_USER, "after": FORM, "signer": SigV4QueryAuth},
        {"service": "s3", "sent_body": CREATE_USER, "after": FORM, "signer": S3SigV4QueryAuth},
        {
            "service": "s3",
            "target": "/mine/x",
            "method": "PUT",
            "sent_body": CREATE_USER,
            "after": FORM,
            "signer": S3SigV4QueryAuth,
        },
        {"service": "s3", "body": CREATE_USER, "headers": FORM, "signer": S3SigV4Auth},
        # said twice
        {"service": "iam", "body": b"Action=ListUsers&" + CREATE_USER, "headers": FORM},
        {"service": "iam", "body": CREATE_USER + b"&Action=ListUsers", "headers": FORM},
        {"service": "iam", "target": "/?Action=ListUsers", "body": CREATE_USER, "headers": FORM},
        {
            "service": "iam",
            "target": f"/?{CREATE_USER.decode()}",
            "body": b"Action=ListUsers&Version=2010-05-08",
            "headers": FORM,
        },
        {
            "service": "iam",
            "body": CREATE_USER,
            "headers": FORM | {"X-Amz-Target": "IAM.ListUsers"},
        },
    ]
    for request in hostile:
        send(strict, keys, **request)
        assert not intruder(strict), request


def test_role_is_not_had_by_a_token_that_nobody_looks_at(strict: Strict) -> None:
    role = strict.role(LAMBDA_TRUST, allowing("*"))
    _, keys = strict.user(allowing("sts:*"), allowing("s3:*"))
    form = (
        f"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={role}"
        "&RoleSessionName=x&WebIdentityToken=y"
    ).encode()
    signed = send(strict, keys, "sts", body=form, headers=FORM)
    presigned = send(strict, keys, "s3", sent_body=form, after=FORM, signer=S3SigV4QueryAuth)
    request = urllib.request.Request(strict.api.url + "/", form, FORM)
    with pytest.raises(urllib.error.HTTPError) as unsigned:
        urllib.request.urlopen(request)
    texts = [signed[1], presigned[1], unsigned.value.read().decode()]
    unsigned.value.close()
    assert not [text for text in texts if "AccessKeyId>" in text]
    assert "are not verified here" in signed[1]


def test_second_credential_is_not_the_one_that_counts(strict: Strict) -> None:
    _, keys = strict.user(allowing("sqs:*"))
    asked = AWSRequest("POST", strict.api.url + "/", headers=FORM, data=CREATE_USER)
    SigV4Auth(Credentials(keys.access, keys.secret), "sqs", REGION).add_auth(asked)
    stated = str(asked.headers["Authorization"])
    first = stated.replace("/sqs/", "/iam/").partition(",")[0]
    two = f"{first}, {stated.partition(' ')[2]}"
    send(strict, keys, "sqs", body=CREATE_USER, headers=FORM, after={"Authorization": two})
    assert not intruder(strict)


def test_account_of_a_call_is_the_callers(strict: Strict) -> None:
    _, keys = strict.user(allowing("sqs:*"))
    status, text = send(
        strict,
        keys,
        "sqs",
        body=b"{}",
        headers={
            "X-Amz-Target": "AmazonSQS.ListQueues",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Moto-Account-Id": "111122223333",
        },
    )
    assert status == 200
    assert "111122223333" not in text


def test_companion_serves_nobody_but_the_gateway(strict: Strict) -> None:
    for path, headers in (
        ("/", {}),
        ("/moto-api/data.json", {}),
        ("/identities", {"x-testbed-internal": "guess"}),
        ("/", {"x-testbed-companion": "guess"}),
    ):
        request = urllib.request.Request(strict.companion_url() + path, headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 403
        refused.value.close()


def test_clients_do_not_reach_what_is_the_emulators_own(strict: Strict) -> None:
    _, keys = strict.user(allowing("s3:*"), allowing("sqs:*"))
    for service, signer in (("s3", S3SigV4Auth), ("sqs", SigV4Auth)):
        for path in ("/identities", "/moto-api/data.json"):
            _, text = send(
                strict,
                keys,
                service,
                "GET",
                path,
                headers={"x-testbed-internal": "guess"},
                signer=signer,
            )
            assert strict.root.secret not in text
            assert "secret_access_key" not in text
            assert keys.secret not in text


def test_unsigned_requests_are_refused_but_a_users_own_sign_up(strict: Strict) -> None:
    pool = strict.client("cognito-idp").create_user_pool(PoolName="p")["UserPool"]["Id"]
    made = strict.client("cognito-idp").create_user_pool_client(UserPoolId=pool, ClientName="c")
    client_id = made["UserPoolClient"]["ClientId"]
    sign_up = json.dumps({"ClientId": client_id, "Username": "ann", "Password": "Secret-1!x"})
    kind = {"Content-Type": "application/x-amz-json-1.1"}

    def unsigned(target: str, body: str) -> int:
        headers = kind | {"X-Amz-Target": target}
        request = urllib.request.Request(strict.api.url + "/", body.encode(), headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    service = "AWSCognitoIdentityProviderService"
    assert unsigned(f"{service}.SignUp", sign_up) == 200
    assert unsigned(f"{service}.ListUserPools", '{"MaxResults": 1}') == 400
    assert unsigned("AmazonSQS.ListQueues", "{}") == 400
