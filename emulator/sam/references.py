"""Says what the names of a template mean: parameters, pseudo parameters and resources.

Resources have their names before they are made, so that functions know the names of each other's
tables and queues: the stated name, or the logical id. Source: CloudFormation user guide, "Return
values" of each resource; AWS SAM developer guide, "Generated CloudFormation resources".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import yaml

from emulator.sam.nodes import TAG, UNRESOLVED, as_string

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaml.nodes import Node

REST_API = "ServerlessRestApi"
"""The API of `Api` events that name none."""
HTTP_API = "ServerlessHttpApi"
"""The API of `HttpApi` events that name none."""
NEWEST_STREAM = "/stream/LATEST"
"""Ends the ARN of a table's stream, whose real end is known when the table is made."""


class Evaluator(Protocol):
    """Evaluates functions."""

    def resolve(self, node: Node) -> Node | None:
        """Returns a node without functions; None where it is AWS::NoValue."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Holds how resources of one type are named, and what can be asked of them.

    Texts are for `str.format` with `name`, `region` and `account`.
    """

    named_by: str = ""
    """The property that states the name; empty: the logical id is the name."""
    ref: str = "{name}"
    attributes: Mapping[str, str] = field(default_factory=dict)
    lower: bool = False
    """Whether names are in lower case."""
    is_api: bool = False


_LAMBDA = "arn:aws:lambda:{region}:{account}"
_API_URL = "https://{name}.execute-api.{region}.amazonaws.com"
_TABLE = "arn:aws:dynamodb:{region}:{account}:table/{name}"
_TABLES = Kind("TableName", attributes={"Arn": _TABLE, "StreamArn": _TABLE + NEWEST_STREAM})
_QUEUE_URL = "https://sqs.{region}.amazonaws.com/{account}/{name}"
_TOPIC = "arn:aws:sns:{region}:{account}:{name}"
_BUCKET_HOST = "{name}.s3.{region}.amazonaws.com"

KINDS: Mapping[str, Kind] = {
    "AWS::Serverless::Function": Kind(
        "FunctionName", attributes={"Arn": _LAMBDA + ":function:{name}"}
    ),
    "AWS::Serverless::LayerVersion": Kind("LayerName", _LAMBDA + ":layer:{name}:1"),
    "AWS::Serverless::Api": Kind(attributes={"RootResourceId": "root"}, is_api=True),
    "AWS::Serverless::HttpApi": Kind(attributes={"ApiEndpoint": _API_URL}, is_api=True),
    "AWS::Serverless::SimpleTable": _TABLES,
    "AWS::DynamoDB::Table": _TABLES,
    "AWS::SQS::Queue": Kind(
        "QueueName",
        _QUEUE_URL,
        {
            "Arn": "arn:aws:sqs:{region}:{account}:{name}",
            "QueueName": "{name}",
            "QueueUrl": _QUEUE_URL,
        },
    ),
    "AWS::SNS::Topic": Kind("TopicName", _TOPIC, {"TopicArn": _TOPIC, "TopicName": "{name}"}),
    "AWS::S3::Bucket": Kind(
        "BucketName",
        attributes={
            "Arn": "arn:aws:s3:::{name}",
            "DomainName": "{name}.s3.amazonaws.com",
            "RegionalDomainName": _BUCKET_HOST,
        },
        lower=True,
    ),
    "AWS::Kinesis::Stream": Kind(
        "Name", attributes={"Arn": "arn:aws:kinesis:{region}:{account}:stream/{name}"}
    ),
    "AWS::Events::EventBus": Kind(
        "Name",
        attributes={
            "Arn": "arn:aws:events:{region}:{account}:event-bus/{name}",
            "Name": "{name}",
        },
    ),
    "AWS::IAM::Role": Kind(
        "RoleName", attributes={"Arn": "arn:aws:iam::{account}:role/{name}", "RoleId": "{name}"}
    ),
    "AWS::Logs::LogGroup": Kind(
        "LogGroupName",
        attributes={"Arn": "arn:aws:logs:{region}:{account}:log-group:{name}:*"},
    ),
}
"""The types of resources that a template may have."""
_FUNCTION = "AWS::Serverless::Function"
_GENERATED = {
    "Role": ("Arn", "arn:aws:iam::{account}:role/{name}Role"),
    "Url": ("FunctionUrl", "https://{name}.lambda-url.{region}.on.aws/"),
}
"""What SAM makes beside a function, by the end of its logical id: its attribute."""


DEFAULT_STACK = "testbed"


def api_id(logical: str, stack: str) -> str:
    """Returns an API's id: two stacks may both have the API that SAM makes itself."""
    return logical.lower() if stack == DEFAULT_STACK else f"{stack}-{logical}".lower()


@dataclass(frozen=True, slots=True)
class Declared:
    """Holds a resource as the template declares it."""

    kind: str
    properties: Mapping[str, Node]
    """Nodes that are not evaluated yet."""


class References:
    """Finds what `!Ref`, `!GetAtt` and `!Sub` ask for."""

    def __init__(
        self,
        parameters: Mapping[str, Node],
        resources: Mapping[str, Declared],
        *,
        account: str,
        region: str,
        stack: str,
    ) -> None:
        self._parameters = parameters
        self._resources = resources
        self._stack = stack
        self._places = {"account": account, "region": region}
        self._pseudo = {
            "AWS::AccountId": account,
            "AWS::Partition": "aws",
            "AWS::Region": region,
            "AWS::StackId": f"arn:aws:cloudformation:{region}:{account}:stack/{stack}/1",
            "AWS::StackName": stack,
            "AWS::URLSuffix": "amazonaws.com",
        }

    def pseudo(self, name: str, at: Node) -> Node:
        """Returns a pseudo parameter's value."""
        return _text(self._pseudo[name], at)

    def named(self, name: str, evaluator: Evaluator, at: Node) -> Node | None:
        """Returns what `!Ref name` is; None where nothing has this name."""
        if name in self._pseudo:
            return self.pseudo(name, at)
        if name in self._parameters:
            return _moved(self._parameters[name], at)
        return self._resource(name, evaluator, at)

    def _resource(self, name: str, evaluator: Evaluator, at: Node) -> Node | None:
        if name in (REST_API, HTTP_API):
            return _text(api_id(name, self._stack), at)
        logical, _, member = name.partition(".")
        declared = self._resources.get(logical)
        if declared is None:
            return None
        if declared.kind == _FUNCTION and member in ("Version", "Alias"):
            return self._qualified(logical, declared, member, evaluator, at)
        kind = None if member else KINDS.get(declared.kind)
        if kind is None:
            return None
        return _text(kind.ref.format(**self._facts(logical, declared, evaluator)), at)

    def attribute(self, name: str, attribute: str, evaluator: Evaluator, at: Node) -> str | None:
        """Returns what `!GetAtt name.attribute` is; None where nothing has this attribute."""
        if name in (REST_API, HTTP_API):
            stated = "AWS::Serverless::Api" if name == REST_API else "AWS::Serverless::HttpApi"
            template = KINDS[stated].attributes.get(attribute)
            return template and template.format(name=api_id(name, self._stack), **self._places)
        declared = self._resources.get(name)
        if declared is None:
            return self._generated(name, attribute, evaluator)
        if attribute in ("Version", "Alias"):
            found = self.named(f"{name}.{attribute}", evaluator, at)
            return None if found is None else str(found.value)
        kind = KINDS.get(declared.kind)
        template = kind.attributes.get(attribute) if kind else None
        return template and template.format(**self._facts(name, declared, evaluator))

    def physical_name(self, logical: str, evaluator: Evaluator) -> str:
        """Returns the name that a resource has or will have."""
        declared = self._resources[logical]
        return self._facts(logical, declared, evaluator)["name"]

    def _facts(self, logical: str, declared: Declared, evaluator: Evaluator) -> dict[str, str]:
        kind = KINDS[declared.kind]
        name = logical.lower() if kind.lower else logical
        name = api_id(logical, self._stack) if kind.is_api else name
        stated = declared.properties.get(kind.named_by)
        found = evaluator.resolve(stated) if stated is not None else None
        if isinstance(found, yaml.ScalarNode) and found.tag != UNRESOLVED:
            name = as_string(found)
        return {"name": name, **self._places}

    def _generated(self, name: str, attribute: str, evaluator: Evaluator) -> str | None:
        for end, (known, template) in _GENERATED.items():
            logical = name.removesuffix(end)
            declared = self._resources.get(logical)
            if logical != name and declared and declared.kind == _FUNCTION and attribute == known:
                return template.format(**self._facts(logical, declared, evaluator))
        return None

    def _qualified(
        self, logical: str, declared: Declared, member: str, evaluator: Evaluator, at: Node
    ) -> Node | None:
        """Returns the ARN of a function's alias that SAM publishes; versions have no number yet."""
        stated = declared.properties.get("AutoPublishAlias")
        alias = evaluator.resolve(stated) if stated is not None else None
        if member != "Alias" or not isinstance(alias, yaml.ScalarNode):
            return None
        arn = KINDS[_FUNCTION].attributes["Arn"]
        facts = self._facts(logical, declared, evaluator)
        return _text(f"{arn.format(**facts)}:{alias.value}", at)


def _text(text: str, at: Node) -> Node:
    return yaml.ScalarNode(TAG + "str", text, at.start_mark, at.end_mark)


def _moved(node: Node, at: Node) -> Node:
    """Returns a parameter's value at the line of its use."""
    if isinstance(node, yaml.SequenceNode):
        items = [_moved(item, at) for item in node.value]
        return yaml.SequenceNode(node.tag, items, at.start_mark, at.end_mark)
    return yaml.ScalarNode(node.tag, node.value, at.start_mark, at.end_mark)
