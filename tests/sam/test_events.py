"""Events of a function that are no requests, and what is set beside its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.triggers import (
    BucketNotification,
    RuleTarget,
    SourceMapping,
    TopicSubscription,
)
from emulator.sam.extras import Extras, PolicyTemplate
from emulator.sam.template import OtherResource
from tests.sam.templates import faults, function, read

if TYPE_CHECKING:
    from pathlib import Path

QUEUE = "arn:aws:sqs:us-east-1:123456789012:Jobs"


def test_every_kind_of_event_is_read(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        function(
            """
            AutoPublishAlias: live
            Events:
              Jobs:
                Type: SQS
                Properties:
                  Queue: !GetAtt Jobs.Arn
                  BatchSize: 5
                  FunctionResponseTypes: [ReportBatchItemFailures]
                  ScalingConfig: {MaximumConcurrency: 2}
                  FilterCriteria: {Filters: [{Pattern: '{"body": {"a": [1]}}'}]}
              Records:
                Type: Kinesis
                Properties: {Stream: !GetAtt Clicks.Arn, StartingPosition: LATEST}
              Changes:
                Type: DynamoDB
                Properties:
                  Stream: !GetAtt Table.StreamArn
                  StartingPosition: TRIM_HORIZON
                  BisectBatchOnFunctionError: true
              Put:
                Type: S3
                Properties:
                  Bucket: !Ref Files
                  Events: s3:ObjectCreated:*
                  Filter:
                    S3Key:
                      Rules: [{Name: Prefix, Value: in/}, {Name: suffix, Value: .csv}]
              Note:
                Type: SNS
                Properties: {Topic: !Ref News, FilterPolicy: {kind: [a]}}
              Tick:
                Type: Schedule
                Properties: {Schedule: rate(5 minutes), Input: '{"a": 1}', Enabled: false}
              Later:
                Type: ScheduleV2
                Properties: {ScheduleExpression: "cron(0 1 * * ? *)", Name: nightly}
              Match:
                Type: EventBridgeRule
                Properties:
                  Pattern: {source: [mine]}
                  EventBusName: !Ref Bus
                  RetryPolicy: {MaximumRetryAttempts: 3}
            """
        )
        + """\
  Jobs: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30}}
  Clicks: {Type: AWS::Kinesis::Stream}
  Table: {Type: AWS::DynamoDB::Table}
  Files: {Type: AWS::S3::Bucket}
  News: {Type: AWS::SNS::Topic}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: mine}}
""",
    )
    name = "Echo"
    table = "arn:aws:dynamodb:us-east-1:123456789012:table/Table/stream/LATEST"
    assert template.triggers == (
        SourceMapping(
            name,
            QUEUE,
            {
                "BatchSize": 5,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "ScalingConfig": {"MaximumConcurrency": 2},
                "FilterCriteria": {"Filters": [{"Pattern": '{"body": {"a": [1]}}'}]},
            },
        ),
        SourceMapping(
            name,
            "arn:aws:kinesis:us-east-1:123456789012:stream/Clicks",
            {"StartingPosition": "LATEST"},
        ),
        SourceMapping(
            name, table, {"StartingPosition": "TRIM_HORIZON", "BisectBatchOnFunctionError": True}
        ),
        BucketNotification(name, "files", ("s3:ObjectCreated:*",), "in/", ".csv"),
        TopicSubscription(name, "arn:aws:sns:us-east-1:123456789012:News", {"kind": ["a"]}),
        RuleTarget(name, "EchoTick", schedule="rate(5 minutes)", input='{"a": 1}', enabled=False),
        RuleTarget(name, "nightly", schedule="cron(0 1 * * ? *)"),
        RuleTarget(name, "EchoMatch", pattern={"source": ["mine"]}, bus="mine", retries=3),
    )
    assert template.resources[0] == OtherResource(
        "AWS::SQS::Queue", "Jobs", "Jobs", {"VisibilityTimeout": 30}
    )
    assert [resource.name for resource in template.resources] == [
        *("Jobs", "Clicks", "Table", "files", "News", "mine")
    ]


def test_events_without_what_they_need(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            Events:
              A: {Type: SQS}  #!
              B:  #!
                Type: Kinesis
                Properties: {Stream: arn}
              C:  #!
                Type: S3
                Properties: {Bucket: b}
              D: {Type: Schedule}  #!
              E: {Type: CloudWatchEvent}  #!
              F:
                Type: SNS
                Properties:
                  Topic: arn
                  FilterPolicy: [a]  #!
              G:
                Type: SQS
                Properties:
                  Queue: arn
                  StartingPosition: LATEST  #!
            """
        ),
    ) == [
        "Echo: event A needs Queue",
        "Echo: event B needs StartingPosition",
        "Echo: event C needs Events",
        "Echo: event D needs Schedule",
        "Echo: event E needs Pattern",
        "Echo: event F: FilterPolicy must be a mapping",
        "Echo: event G: 'StartingPosition' is not supported",
    ]


def test_what_is_set_beside_the_configuration(tmp_path: Path) -> None:
    layer = "arn:aws:lambda:us-east-1:1:layer:elsewhere:3"
    template = read(
        tmp_path,
        function(
            f"""
            AutoPublishAlias: live
            Description: says it again
            Tags: {{team: me}}
            Layers: [!Ref Shared, "{layer}"]
            Policies:
              - AWSLambdaBasicExecutionRole
              - SQSPollerPolicy: {{QueueName: q}}
              - Version: 2012-10-17
                Statement: [{{Effect: Allow, Action: s3:GetObject, Resource: "*"}}]
            EventInvokeConfig:
              MaximumRetryAttempts: 1
              DestinationConfig: {{OnFailure: {{Type: SQS, Destination: "{QUEUE}"}}}}
            DeadLetterQueue: {{Type: SQS, TargetArn: "{QUEUE}"}}
            """
        )
        + """\
  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}
""",
    )
    shared = "arn:aws:lambda:us-east-1:123456789012:layer:Shared:1"
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
    assert template.extras["Echo"] == Extras(
        alias="live",
        description="says it again",
        tags={"team": "me"},
        policies=(
            "AWSLambdaBasicExecutionRole",
            PolicyTemplate("SQSPollerPolicy", {"QueueName": "q"}),
            document,
        ),
        event_invoke={
            "MaximumRetryAttempts": 1,
            "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
        },
        dead_letter_target=QUEUE,
        layers=(shared, layer),
        invoked_as="Echo:live",
    )
    assert template.layers == {shared: str(tmp_path / "layer")}
    assert template.functions[0].layers == (str(tmp_path / "layer"), layer)


def test_what_has_no_effect_is_told_with_its_line(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        "Globals:\n  Function: {Tracing: Active}\n"
        + function("VpcConfig: {SubnetIds: [a]}\n")
        + function("", "Other").removeprefix("Resources:\n"),
    )
    assert template.remarks == (
        "template.yaml:3: Globals: Tracing has no effect: no traces are sent to X-Ray.",
        (
            "template.yaml:11: Echo: VpcConfig has no effect: functions have the network of this "
            "machine."
        ),
    )
