"""CloudFormation at the companion makes functions in an emulator without real sandboxes."""

from __future__ import annotations

import asyncio
import io
import threading
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from emulator.live.companion.process import Companion
from tests.api.services.conftest import ServedApi, served_api

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("samtranslator")
pytest.importorskip("openapi_spec_validator")  # of moto[cloudformation]

_BOUND = 60
LATER = "Later: {Type: AWS::SQS::Queue}"
SAM = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Size: {Type: Number, Default: 256}}
Resources:
  Jobs: {Type: AWS::SQS::Queue}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: s3://code/worker.zip
      Handler: app.echo
      Runtime: python3.13
      MemorySize: !Ref Size
      AutoPublishAlias: live
      Environment: {Variables: {QUEUE: !Ref Jobs}}
      Policies: [AmazonSQSFullAccess]
      FunctionUrlConfig: {AuthType: NONE}
      Events:
        Get: {Type: HttpApi, Properties: {Path: "/web/{id}", Method: GET}}
        Old: {Type: Api, Properties: {Path: "/rest/{proxy+}", Method: any}}
Outputs:
  Arn: {Value: !GetAtt Worker.Arn}
  Url: {Value: !GetAtt WorkerUrl.FunctionUrl}
"""
PLAIN = """
Resources:
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      Code: {ZipFile: "def handler(event, context): return event"}
      Handler: index.echo
      Runtime: python3.13
      Role: arn:aws:iam::123456789012:role/any
      MemorySize: "%s"
"""

INLINE = '{ZipFile: "def handler(event, context): return event"}'
URI = (
    '!Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Worker.Arn}'
    '/invocations"'
)
PARTS = (
    PLAIN.replace("index.echo", "app.echo").replace(INLINE, "{S3Bucket: code, S3Key: worker.zip}")
    % 128
    + f"""
  Rest: {{Type: AWS::ApiGateway::RestApi, Properties: {{Name: rest}}}}
  Items:
    Type: AWS::ApiGateway::Resource
    Properties:
      RestApiId: !Ref Rest
      ParentId: !GetAtt Rest.RootResourceId
      PathPart: items
  Item:
    Type: AWS::ApiGateway::Resource
    Properties: {{RestApiId: !Ref Rest, ParentId: !Ref Items, PathPart: "{{id}}"}}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Rest
      ResourceId: !Ref Item
      HttpMethod: GET
      AuthorizationType: NONE
      Integration: {{Type: AWS_PROXY, IntegrationHttpMethod: POST, Uri: {URI}}}
  Deployment:
    Type: AWS::ApiGateway::Deployment
    Properties: {{RestApiId: !Ref Rest}}
  Stage:
    Type: AWS::ApiGateway::Stage
    Properties: {{RestApiId: !Ref Rest, DeploymentId: !Ref Deployment, StageName: v1}}
  Web: {{Type: AWS::ApiGatewayV2::Api, Properties: {{Name: web, ProtocolType: HTTP}}}}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Web
      IntegrationType: AWS_PROXY
      IntegrationUri: !GetAtt Worker.Arn
      PayloadFormatVersion: "2.0"
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Web
      RouteKey: GET /parts
      Target: !Sub "integrations/${{Integration}}"
"""
)


@dataclass
class Here:
    api: ServedApi
    stacks: Any
    """boto3's client of CloudFormation at the companion."""
    functions: Any
    s3: Any

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.api.url}{path}", timeout=_BOUND)

    def names(self) -> list[str]:
        listed = self.functions.list_functions()["Functions"]
        return sorted(function["FunctionName"] for function in listed)

    def wait(self, stack: str) -> dict[str, Any]:
        described: dict[str, Any] = self.stacks.describe_stacks(StackName=stack)["Stacks"][0]
        return described


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    endpoints: dict[str, str] = {}
    folder = tmp_path_factory.mktemp("state")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    with served_api(folder=folder, endpoints=endpoints) as api:
        companion = Companion(folder / "companion.log", gateway=api.url)
        url = asyncio.run_coroutine_threadsafe(companion.url(), loop).result(_BOUND)
        endpoints["s3"] = url
        s3 = _client("s3", url)
        _put_code(s3)
        yield Here(api, _client("cloudformation", url), api.client("lambda"), s3)
        asyncio.run_coroutine_threadsafe(companion.close(), loop).result(_BOUND)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _client(service: str, url: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", **keys)


def _put_code(s3: Any) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def echo(event, context): return event\n")
    s3.create_bucket(Bucket="code")
    for key in ("worker.zip", "worker2.zip"):
        s3.put_object(Bucket="code", Key=key, Body=packed.getvalue())


def test_sam_deploys_by_change_sets(here: Here) -> None:
    here.stacks.create_change_set(
        StackName="shop", ChangeSetName="one", ChangeSetType="CREATE", TemplateBody=SAM
    )
    here.stacks.execute_change_set(StackName="shop", ChangeSetName="one")
    stack = here.wait("shop")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    (name,) = here.names()
    made = here.functions.get_function(FunctionName=name, Qualifier="live")["Configuration"]
    assert made["MemorySize"] == 256
    assert made["Environment"]["Variables"]["QUEUE"].startswith("https://sqs.")
    assert outputs["Arn"].endswith(f":function:{name}")
    assert ".lambda-url." in outputs["Url"]
    event = here.get("/web/7").json()
    assert (event["routeKey"], event["pathParameters"]) == ("GET /web/{id}", {"id": "7"})
    assert here.get("/Prod/rest/7").status_code == 502  # echo is no proxy response
    size = [{"ParameterKey": "Size", "ParameterValue": "512"}]
    here.stacks.update_stack(StackName="shop", TemplateBody=SAM, Parameters=size)
    assert here.functions.get_function(FunctionName=name)["Configuration"]["MemorySize"] == 512
    here.stacks.delete_stack(StackName="shop")
    assert here.names() == []
    assert here.get("/web/7").status_code == 404


def test_version_of_an_update_has_the_new_configuration(here: Here) -> None:
    here.stacks.create_stack(StackName="twice", TemplateBody=SAM)
    (name,) = here.names()
    # SAM publishes a version when the code has another place, and the function names a new queue
    changed = SAM.replace("worker.zip", "worker2.zip")
    changed = changed.replace("  Jobs:", f"  {LATER}\n  Jobs:").replace("Ref Jobs", "Ref Later")
    here.stacks.update_stack(StackName="twice", TemplateBody=changed)
    made = here.functions.get_function(FunctionName=name, Qualifier="live")["Configuration"]
    assert made["Version"] == "2"
    assert "-Later-" in made["Environment"]["Variables"]["QUEUE"]
    here.stacks.delete_stack(StackName="twice")


def test_plain_template_with_code_in_it_deploys(here: Here) -> None:
    here.stacks.create_stack(StackName="plain", TemplateBody=PLAIN % 128)
    (name,) = here.names()
    assert name.startswith("plain-Worker-")
    assert here.functions.get_function(FunctionName=name)["Configuration"]["MemorySize"] == 128
    here.stacks.delete_stack(StackName="plain")


def test_apis_may_be_made_of_parts(here: Here) -> None:
    here.stacks.create_stack(StackName="parts", TemplateBody=PARTS)
    # echo is no proxy response, which the function was asked for
    assert here.get("/v1/items/7").status_code == 502
    assert here.get("/v1/items").status_code == 403
    assert here.get("/parts").json()["routeKey"] == "GET /parts"
    here.stacks.delete_stack(StackName="parts")
    assert here.get("/parts").status_code == 404


def events(here: Here, stack: str) -> list[tuple[str, str, str]]:
    """Returns what happened to a stack, oldest first: of what, its status, and why."""
    told = here.stacks.describe_stack_events(StackName=stack)["StackEvents"]
    return [
        (event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason", ""))
        for event in reversed(told)
    ]


TWO = (
    PLAIN + "    DependsOn: Jobs\n  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: rolled}}"
)


def test_stack_of_which_a_part_is_refused_is_rolled_back(here: Here) -> None:
    here.stacks.create_stack(StackName="large", TemplateBody=TWO % 99999)
    first, failed, *rest = events(here, "large")
    assert first == ("large", "CREATE_IN_PROGRESS", "User Initiated")
    assert failed[:2] == ("Worker", "CREATE_FAILED")
    assert "memorySize" in failed[2]
    assert rest == [
        ("large", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed: [Worker]. "),
        ("large", "ROLLBACK_COMPLETE", ""),
    ]
    assert here.wait("large")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert not [name for name in here.names() if name.startswith("large-")]
    assert queue_names(here, "rolled") == []


def queue_names(here: Here, prefix: str) -> list[str]:
    queues = _client("sqs", here.s3.meta.endpoint_url)
    listed = queues.list_queues(QueueNamePrefix=prefix).get("QueueUrls", [])
    return [url.rpartition("/")[2] for url in listed]


def test_change_that_is_refused_is_taken_back(here: Here) -> None:
    here.stacks.create_stack(StackName="back", TemplateBody=PLAIN % 128)
    here.stacks.update_stack(StackName="back", TemplateBody=TWO % 99999)
    assert here.wait("back")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert [each[:2] for each in events(here, "back")][-3:] == [
        ("Worker", "UPDATE_FAILED"),
        ("back", "UPDATE_ROLLBACK_IN_PROGRESS"),
        ("back", "UPDATE_ROLLBACK_COMPLETE"),
    ]
    assert queue_names(here, "rolled") == []
    (name,) = (name for name in here.names() if name.startswith("back-"))
    assert here.functions.get_function(FunctionName=name)["Configuration"]["MemorySize"] == 128
    here.stacks.update_stack(StackName="back", TemplateBody=PLAIN % 256)
    assert here.wait("back")["StackStatus"] == "UPDATE_COMPLETE"
    here.stacks.delete_stack(StackName="back")


def test_change_set_that_is_refused_is_rolled_back(here: Here) -> None:
    for kind, template in (("CREATE", PLAIN % 99999), ("UPDATE", PLAIN % 99998)):
        name = f"set-{kind.lower()}"
        if kind == "UPDATE":
            here.stacks.create_stack(StackName=name, TemplateBody=PLAIN % 128)
        here.stacks.create_change_set(
            StackName=name, ChangeSetName="c", ChangeSetType=kind, TemplateBody=template
        )
        here.stacks.execute_change_set(StackName=name, ChangeSetName="c")
    assert here.wait("set-create")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert here.wait("set-update")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    here.stacks.delete_stack(StackName="set-update")


def test_template_that_sam_refuses_is_the_stacks_error(here: Here) -> None:
    wrong = SAM.replace("Handler: app.echo", "Handlr: app.echo")
    with pytest.raises(ClientError, match="Handlr"):
        here.stacks.create_stack(StackName="wrong", TemplateBody=wrong)


VERSIONED = """
Resources:
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: versioned
      Runtime: python3.13
      Handler: index.handler
      Role: arn:aws:iam::123456789012:role/any
      MemorySize: %(memory)d
      Code: {ZipFile: "def handler(event, context): return event"}
  Version%(memory)d:
    Type: AWS::Lambda::Version
    Properties: {FunctionName: !Ref Worker}
  Live:
    Type: AWS::Lambda::Alias
    Properties:
      FunctionName: !Ref Worker
      FunctionVersion: !GetAtt Version%(memory)d.Version
      Name: live
"""


def test_new_version_is_one_of_the_changed_function(here: Here) -> None:
    here.stacks.create_stack(StackName="cdk", TemplateBody=VERSIONED % {"memory": 128})
    here.stacks.update_stack(StackName="cdk", TemplateBody=VERSIONED % {"memory": 256})
    live = here.functions.get_function(FunctionName="versioned", Qualifier="live")["Configuration"]
    assert (live["Version"], live["MemorySize"]) == ("2", 256)
    here.stacks.delete_stack(StackName="cdk")


def test_template_is_found_at_the_emulators_address(here: Here) -> None:
    here.s3.create_bucket(Bucket="templates")
    here.s3.put_object(Bucket="templates", Key="a.yaml", Body=(PLAIN % 128).encode())
    address = f"{here.s3.meta.endpoint_url}/templates/a.yaml"
    here.stacks.create_stack(StackName="from-s3", TemplateURL=address)
    assert [name for name in here.names() if name.startswith("from-s3-")]


def test_change_set_that_is_not_there_is_none(here: Here) -> None:
    with pytest.raises(ClientError) as refused:
        here.stacks.describe_change_set(StackName="none", ChangeSetName="none")
    assert refused.value.response["Error"]["Code"] == "ChangeSetNotFound"


ADVISED = """
Resources:
  First: {Type: AWS::SQS::Queue}
  Second:
    Type: AWS::SQS::Queue
    DependsOn: First
    Properties: {QueueName: !Sub "${First.QueueName}-2"}
"""


def test_template_is_refused_for_errors_and_not_for_a_linters_advice(here: Here) -> None:
    here.stacks.validate_template(TemplateBody=ADVISED)
    with pytest.raises(ClientError, match="Nonsense"):
        here.stacks.validate_template(TemplateBody=ADVISED.replace("QueueName:", "Nonsense:"))


EXPORTING = """
Resources: {Jobs: {Type: AWS::SQS::Queue}}
Outputs: {Jobs: {Value: !GetAtt Jobs.Arn, Export: {Name: %s}}}
"""


def test_what_an_update_exports_is_there_for_others_and_goes_with_its_stack(here: Here) -> None:
    here.stacks.create_stack(StackName="out", TemplateBody=EXPORTING % "before")
    here.stacks.create_change_set(
        StackName="out", ChangeSetName="c", ChangeSetType="UPDATE", TemplateBody=EXPORTING % "after"
    )
    here.stacks.execute_change_set(StackName="out", ChangeSetName="c")
    assert "after" in [each["Name"] for each in here.stacks.list_exports()["Exports"]]
    here.stacks.delete_stack(StackName="out")
    assert "after" not in [each["Name"] for each in here.stacks.list_exports()["Exports"]]
    with pytest.raises(ClientError, match="does not exist"):
        here.wait("out")
