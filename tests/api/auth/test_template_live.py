"""A template's routes and URLs under `--auth strict`, with functions as processes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.api.auth.study_by_api import ACCOUNT, REGION, Keys, Study
from tests.emulator_process import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Rest:
    Type: AWS::Serverless::Api
    Properties: {StageName: v1, Auth: {DefaultAuthorizer: AWS_IAM}}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: echo
      CodeUri: code/
      Handler: app.handler
      Runtime: python3.13
      MemorySize: 256
      FunctionUrlConfig: {AuthType: NONE}
      Events:
        Open: {Type: HttpApi, Properties: {Method: GET, Path: /open}}
        Signed:
          Type: HttpApi
          Properties: {Method: POST, Path: /signed, Auth: {Authorizer: AWS_IAM}}
        Rest: {Type: Api, Properties: {Method: POST, Path: /rest, RestApiId: !Ref Rest}}
"""
CODE = """\
import json
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event["requestContext"])}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    folder = tmp_path_factory.mktemp("template")
    (folder / "code").mkdir()
    (folder / "code" / "app.py").write_text(CODE)
    template = folder / "template.yaml"
    template.write_text(TEMPLATE)
    state = folder / "state"
    with Emulator(template, state, "--backend", "process", "--auth", "strict") as emulator:
        yield Study(emulator.url, state)


def called(
    study: Study, method: str, path: str, keys: Keys | None, *, host: str = ""
) -> tuple[int, Any]:
    """Asks a route, signed with the keys where there are some; returns status and JSON."""
    body = b"hello" if method == "POST" else b""
    headers = {"host": host or study.url.removeprefix("http://")}
    asked = AWSRequest(method=method, url=study.url + path, data=body, headers=headers)
    if keys is not None:
        credentials = Credentials(keys.access, keys.secret, keys.token)
        SigV4Auth(credentials, "execute-api", REGION).add_auth(asked)
    sent = {str(name): str(value) for name, value in asked.headers.items()}
    request = urllib.request.Request(study.url + path, body or None, sent, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def allowed(arn: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": arn}


def test_open_route_and_public_url_are_everyones(study: Study) -> None:
    assert called(study, "GET", "/open", None)[0] == 200
    port = study.url.rpartition(":")[2]
    host = f"echo.lambda-url.localhost:{port}"
    assert called(study, "GET", "/", None, host=host)[0] == 200


def test_signed_route_of_an_http_api_needs_the_right_to_the_route(study: Study) -> None:
    place = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:*"
    may = study.role("http", allowed(f"{place}/$default/POST/signed"))
    may_not = study.role("http-not", allowed(f"{place}/$default/GET/*"))
    status, context = called(study, "POST", "/signed", may)
    assert status == 200
    caller = context["authorizer"]["iam"]
    assert caller["userArn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/http/study"
    assert (caller["accessKey"], caller["accountId"]) == (may.access, ACCOUNT)
    for keys in (None, may_not, Keys(may.access, "wrong", may.token)):
        assert called(study, "POST", "/signed", keys) == (403, {"message": "Forbidden"})


def test_signed_method_of_a_rest_api_needs_the_right_to_the_method(study: Study) -> None:
    may = study.role("rest", allowed(f"arn:aws:execute-api:{REGION}:{ACCOUNT}:*/v1/POST/rest"))
    may_not = study.role("rest-not", allowed(f"arn:aws:execute-api:{REGION}:{ACCOUNT}:*/v2/*"))
    status, context = called(study, "POST", "/v1/rest", may)
    assert status == 200
    assert context["identity"]["userArn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/rest/study"
    status, told = called(study, "POST", "/v1/rest", may_not)
    assert status == 403
    assert told["Message"].startswith(
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/rest-not/study is not authorized to perform: "
        "execute-api:Invoke on resource: arn:aws:execute-api:"
    )
    assert called(study, "POST", "/v1/rest", None) == (
        403,
        {"message": "Missing Authentication Token"},
    )
