"""A template taken to AWS's APIs as moto has them: what is called is what they take."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from emulator.deploy.deployer import Deployer, Row
from emulator.deploy.services import Services
from emulator.errors import EndpointError
from emulator.sam.template import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.core.apis import Api

moto = pytest.importorskip("moto")
botocore_session = pytest.importorskip("botocore.session")

ACCOUNT, REGION = "123456789012", "us-east-1"
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer}
  Jobs:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 60}
  News: {Type: AWS::SNS::Topic}
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Simple: {Type: AWS::Serverless::SimpleTable}
  Files: {Type: AWS::S3::Bucket}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.13
      MemorySize: 256
      Description: %(description)s
      Layers: [!Ref Shared]
      AutoPublishAlias: live
      Environment: {Variables: {TABLE: !Ref Things}}
      FunctionUrlConfig: {AuthType: NONE, Cors: {AllowOrigins: ["*"]}}
      Policies:
        - AWSLambdaBasicExecutionRole
        - Version: "2012-10-17"
          Statement: [{Effect: Allow, Action: "s3:*", Resource: "*"}]
      Events:
        Jobs: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 3}}
        Changes:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Things.StreamArn, StartingPosition: LATEST}
        Note: {Type: SNS, Properties: {Topic: !Ref News, FilterPolicy: {kind: [a]}}}
        Put:
          Type: S3
          Properties:
            Bucket: !Ref Files
            Events: s3:ObjectCreated:*
            Filter: {S3Key: {Rules: [{Name: suffix, Value: .csv}]}}
        Tick: {Type: Schedule, Properties: {Schedule: rate(5 minutes), Input: '{"a": 1}'}}
        Match: {Type: EventBridgeRule, Properties: {Pattern: {source: [mine]}}}
        Get: {Type: HttpApi, Properties: {Path: /x, Method: GET}}
"""


class Aws:
    """moto's services in the place of an emulator."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.apis: list[Api] = []
        session = botocore_session.get_session()

        def make(service: str, *, region_name: str, endpoint_url: str, **more: Any) -> Any:
            del endpoint_url
            return session.create_client(service, region_name=region_name, **more)

        self.services = Services("", ACCOUNT, REGION, make)

    def deploy(self, text: str) -> list[Row]:
        path = self.folder / "template.yaml"
        path.write_text(textwrap.dedent(text))
        deployer = Deployer(
            self.services,
            account=ACCOUNT,
            region=REGION,
            put_api=self.put_api,
            progress=lambda _: None,
        )
        return list(deployer.deploy(load(path)))

    def put_api(self, api: Api) -> list[str]:
        self.apis.append(api)
        return [f"http://here{route.path}" for route in api.routes]

    def call(self, service: str, operation: str, **members: Any) -> dict[str, Any]:
        return self.services.call(service, operation, **members)


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("def handler(event, context): return event\n")
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "data.txt").write_text("1")
    with moto.mock_aws(config={"lambda": {"use_docker": False}, "core": {"default_account": None}}):
        yield Aws(tmp_path)


def test_everything_of_a_template_is_made(aws: Aws) -> None:
    rows = aws.deploy(TEMPLATE % {"description": "one"})
    assert [(row.kind, row.name, row.outcome) for row in rows] == [
        ("AWS::SQS::Queue", "Jobs", "created"),
        ("AWS::SNS::Topic", "News", "created"),
        ("AWS::DynamoDB::Table", "Things", "created"),
        ("AWS::Serverless::SimpleTable", "Simple", "created"),
        ("AWS::S3::Bucket", "files", "created"),
        ("layer", "Shared", "published"),
        ("function", "Worker:live", "created"),
        *[("trigger", "Worker:live", "connected")] * 6,
        ("route", "serverlesshttpapi", "served"),
    ]
    made = aws.call("lambda", "get_function", FunctionName="Worker", Qualifier="live")
    configured = made["Configuration"]
    assert configured["MemorySize"] == 256
    assert configured["Layers"][0]["Arn"].endswith(":layer:Shared:1")
    assert configured["Environment"] == {"Variables": {"TABLE": "Things"}}
    assert configured["Role"] == f"arn:aws:iam::{ACCOUNT}:role/WorkerRole"
    assert rows[6].at.startswith("https://")
    queue = aws.call("sqs", "get_queue_url", QueueName="Jobs")["QueueUrl"]
    attributes = aws.call(
        "sqs", "get_queue_attributes", QueueUrl=queue, AttributeNames=["VisibilityTimeout"]
    )
    assert attributes["Attributes"] == {"VisibilityTimeout": "60"}
    mappings = aws.call("lambda", "list_event_source_mappings")["EventSourceMappings"]
    sources = sorted(each["EventSourceArn"].split(":")[2] for each in mappings)
    assert sources == ["dynamodb", "sqs"]
    (subscription,) = aws.call("sns", "list_subscriptions")["Subscriptions"]
    assert subscription["Endpoint"].endswith(":function:Worker:live")
    noted = aws.call("s3", "get_bucket_notification_configuration", Bucket="files")
    (stated,) = noted["LambdaFunctionConfigurations"]
    assert stated["Filter"] == {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".csv"}]}}
    rules = {rule["Name"]: rule for rule in aws.call("events", "list_rules")["Rules"]}
    assert rules["WorkerTick"]["ScheduleExpression"] == "rate(5 minutes)"
    assert json.loads(rules["WorkerMatch"]["EventPattern"]) == {"source": ["mine"]}
    (target,) = aws.call("events", "list_targets_by_rule", Rule="WorkerTick")["Targets"]
    assert target["Input"] == '{"a": 1}'
    attached = aws.call("iam", "list_role_policies", RoleName="WorkerRole")["PolicyNames"]
    assert attached == ["WorkerRolePolicy1"]


def test_second_deployment_changes_what_has_changed_and_nothing_twice(aws: Aws) -> None:
    aws.deploy(TEMPLATE % {"description": "one"})
    again = aws.deploy(TEMPLATE % {"description": "one"})
    assert next(row.outcome for row in again if row.kind == "function") == "unchanged"
    (aws.folder / "code" / "app.py").write_text("def handler(event, context): return 2\n")
    after = aws.deploy(TEMPLATE % {"description": "two"})
    assert next(row.outcome for row in after if row.kind == "function") == "updated"
    configured = aws.call("lambda", "get_function", FunctionName="Worker")["Configuration"]
    assert configured["Description"] == "two"
    for service, operation, member in (
        ("lambda", "list_event_source_mappings", "EventSourceMappings"),
        ("sns", "list_subscriptions", "Subscriptions"),
        ("events", "list_rules", "Rules"),
        ("s3", "list_buckets", "Buckets"),
    ):
        found = aws.call(service, operation)[member]
        assert len(found) == {"EventSourceMappings": 2, "Rules": 2}.get(member, 1)
    noted = aws.call("s3", "get_bucket_notification_configuration", Bucket="files")
    assert len(noted["LambdaFunctionConfigurations"]) == 1
    versions = aws.call("lambda", "list_layer_versions", LayerName="Shared")["LayerVersions"]
    assert len(versions) == 1


def test_what_a_service_refuses_is_a_sentence(aws: Aws) -> None:
    with pytest.raises(EndpointError, match=r"sqs refused get_queue_url: .*NonExistentQueue"):
        aws.call("sqs", "get_queue_url", QueueName="nobody")
