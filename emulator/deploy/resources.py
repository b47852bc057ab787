"""Makes the queues, tables, buckets and their like that a template has beside its functions.

The services' own APIs make them: their members have the names of CloudFormation's properties, but
for what is said here. What exists already stays as it is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.deploy.services import Services
    from emulator.sam.template import OtherResource

_THERE = (
    *("ResourceInUseException", "BucketAlreadyOwnedByYou", "BucketAlreadyExists"),
    *("ResourceAlreadyExistsException", "EntityAlreadyExists", "QueueAlreadyExists"),
    "QueueNameExists",
)
"""Codes with which services refuse to make what is there."""
_TABLE = (
    *("AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput"),
    *("GlobalSecondaryIndexes", "LocalSecondaryIndexes", "StreamSpecification"),
)
_ASSUMED_BY_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


class ResourceMaker:
    """Makes one resource a call."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._makers: Mapping[str, Callable[[OtherResource], bool]] = {
            "AWS::SQS::Queue": self._queue,
            "AWS::SNS::Topic": self._topic,
            "AWS::DynamoDB::Table": self._table,
            "AWS::Serverless::SimpleTable": self._simple_table,
            "AWS::S3::Bucket": self._bucket,
            "AWS::Kinesis::Stream": self._stream,
            "AWS::Events::EventBus": self._bus,
            "AWS::IAM::Role": self._role,
            "AWS::Logs::LogGroup": self._log_group,
        }

    def make(self, resource: OtherResource) -> bool:
        """Makes a resource; returns False where it was there.

        Raises:
            EndpointError: its service refused.
        """
        return self._makers[resource.kind](resource)

    def role(self, name: str, policies: tuple[Any, ...]) -> bool:
        """Makes a role that Lambda takes, with policies of which those are left out that only SAM
        knows; returns False where the role was there.
        """
        made = self._attempt(
            "iam",
            "create_role",
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(_ASSUMED_BY_LAMBDA),
        )
        self._attach(name, "AWSLambdaBasicExecutionRole")  # which SAM gives every function
        for number, policy in enumerate(policies):
            if isinstance(policy, dict):
                self._services.call(
                    "iam",
                    "put_role_policy",
                    RoleName=name,
                    PolicyName=f"{name}Policy{number}",
                    PolicyDocument=json.dumps(policy),
                )
            elif isinstance(policy, str):
                self._attach(name, policy)
        return made

    def _attach(self, role: str, policy: str) -> None:
        arn = policy if policy.startswith("arn:") else _managed(policy)
        self._services.attempt(
            "iam", "attach_role_policy", ("NoSuchEntity",), RoleName=role, PolicyArn=arn
        )

    def _attempt(self, service: str, operation: str, **members: Any) -> bool:
        return self._services.attempt(service, operation, _THERE, **members) is not None

    def _queue(self, resource: OtherResource) -> bool:
        attributes = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in resource.properties.items()
            if name not in ("QueueName", "Tags")
        }
        found = self._services.attempt(
            "sqs",
            "get_queue_url",
            ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
            QueueName=resource.name,
        )
        self._attempt("sqs", "create_queue", QueueName=resource.name, Attributes=attributes)
        return found is None

    def _topic(self, resource: OtherResource) -> bool:
        listed = self._services.call("sns", "list_topics")["Topics"]
        arn = self._services.call("sns", "create_topic", Name=resource.name)["TopicArn"]
        for stated in resource.properties.get("Subscription", ()):
            self._services.call(
                "sns",
                "subscribe",
                TopicArn=arn,
                Protocol=stated["Protocol"],
                Endpoint=stated["Endpoint"],
            )
        return all(topic["TopicArn"] != arn for topic in listed)

    def _table(self, resource: OtherResource) -> bool:
        stated = {name: resource.properties[name] for name in _TABLE if name in resource.properties}
        stream = stated.get("StreamSpecification")
        if stream is not None:  # CloudFormation needs no StreamEnabled
            stated["StreamSpecification"] = {"StreamEnabled": True, **stream}
        if "ProvisionedThroughput" not in stated:
            stated["BillingMode"] = "PAY_PER_REQUEST"
        return self._attempt("dynamodb", "create_table", TableName=resource.name, **stated)

    def _simple_table(self, resource: OtherResource) -> bool:
        key = resource.properties.get("PrimaryKey", {})
        name, kind = key.get("Name", "id"), key.get("Type", "String")
        return self._attempt(
            "dynamodb",
            "create_table",
            TableName=resource.name,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": str(kind)[0]}],
            KeySchema=[{"AttributeName": name, "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def _bucket(self, resource: OtherResource) -> bool:
        found = self._services.attempt(
            "s3", "head_bucket", ("404", "NoSuchBucket"), Bucket=resource.name
        )
        if found is None:
            self._attempt("s3", "create_bucket", Bucket=resource.name)
        return found is None

    def _stream(self, resource: OtherResource) -> bool:
        shards = int(resource.properties.get("ShardCount", 1))
        return self._attempt(
            "kinesis", "create_stream", StreamName=resource.name, ShardCount=shards
        )

    def _bus(self, resource: OtherResource) -> bool:
        return self._attempt("events", "create_event_bus", Name=resource.name)

    def _role(self, resource: OtherResource) -> bool:
        stated = resource.properties
        made = self._attempt(
            "iam",
            "create_role",
            RoleName=resource.name,
            AssumeRolePolicyDocument=json.dumps(
                stated.get("AssumeRolePolicyDocument", _ASSUMED_BY_LAMBDA)
            ),
        )
        for policy in stated.get("Policies", ()):
            self._services.call(
                "iam",
                "put_role_policy",
                RoleName=resource.name,
                PolicyName=policy["PolicyName"],
                PolicyDocument=json.dumps(policy["PolicyDocument"]),
            )
        for arn in stated.get("ManagedPolicyArns", ()):
            self._attach(resource.name, arn)
        return made

    def _log_group(self, resource: OtherResource) -> bool:
        made = self._attempt("logs", "create_log_group", logGroupName=resource.name)
        days = resource.properties.get("RetentionInDays")
        if days is not None:
            self._services.call(
                "logs",
                "put_retention_policy",
                logGroupName=resource.name,
                retentionInDays=int(days),
            )
        return made


def _managed(name: str) -> str:
    """Returns the ARN of a policy of AWS's that SAM lets a template name without its path."""
    service = "service-role/" if name.startswith("AWSLambda") else ""
    return f"arn:aws:iam::aws:policy/{service}{name}"


def newest_stream(services: Services, table: str) -> str:
    """Returns the ARN of a table's stream.

    Raises:
        EndpointError: the table has none.
    """
    found = services.call("dynamodb", "describe_table", TableName=table)["Table"]
    arn = found.get("LatestStreamArn")
    if not arn:
        raise EndpointError(f"Table {table} has no stream; give it a StreamSpecification.")
    return str(arn)
