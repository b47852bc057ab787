"""Tells which right a request for another AWS service needs. Pure.

The action is told by the protocol: the target of JSON services, the form's Action. Services that
are told by their paths have actions that only a right to all of the service covers. The resource is
told for the services that functions mostly use; for others it is `*`, so that a right to one
resource alone is none.

Source: the Service Authorization Reference of each service. S3 has a module of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.api.services.request import ApiRequest

_PREFIXES = {"monitoring": "cloudwatch", "email": "ses", "tagging": "tag"}
"""Services whose actions have another prefix than the service has in signatures."""
ANY = "*"
AMBIGUOUS = "Ambiguous"
"""Stands for an operation that nobody has: only a right to all of a service covers it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Holds the action that a request asks for, and on which resource."""

    action: str
    resource: str
    members: Mapping[str, Any]
    """What the body or the query says, as far as it was read."""


def asked(service: str, request: ApiRequest, region: str, account: str) -> Asked:
    """Returns the action and the resource of a request for a service other than S3."""
    operation, members = _operation(service, request)
    action = f"{_PREFIXES.get(service, service)}:{operation}"
    place = f"{region}:{account}"
    for member, resource_of in _RESOURCES.get(service, ()):
        value = members.get(member)
        if isinstance(value, str) and value:
            return Asked(action, resource_of(value, place), members)
    return Asked(action, ANY, members)


def _operation(service: str, request: ApiRequest) -> tuple[str, Mapping[str, Any]]:
    """Returns the operation and its members.

    A request that could be read in two ways asks for `AMBIGUOUS`: who serves it may read it in the
    other way.
    """
    target = request.headers.get("x-amz-target", "")
    kind = request.headers.get("content-type", "")
    is_form = kind.startswith("application/x-www-form-urlencoded")
    if target:
        if is_form or request.query_string or target.count(".") != 1:
            return AMBIGUOUS, {}
        return target.rpartition(".")[2], _json(request.body)
    if is_form or "Action=" in request.query_string:
        text = request.body.decode("utf-8", "replace")
        if text and request.query_string:
            return AMBIGUOUS, {}
        pairs = parse_qsl(text or request.query_string, keep_blank_values=True)
        form = dict(pairs)
        return (form.get("Action", AMBIGUOUS), form) if len(form) == len(pairs) else (AMBIGUOUS, {})
    return _by_path(service, request), _json(request.body)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _by_path(service: str, request: ApiRequest) -> str:
    """Returns a word for services that are told by path: no policy but `SERVICE:*` names it."""
    return f"{request.method}{request.path}".replace("/", "-") if service else ""


def _named(service: str, kind: str = "") -> Callable[[str, str], str]:
    """Returns what makes an ARN of a name that may be an ARN already."""

    def arn(value: str, place: str) -> str:
        if value.startswith("arn:"):
            return value
        return f"arn:aws:{service}:{place}:{kind}{value}"

    return arn


def _queue(url: str, place: str) -> str:
    return f"arn:aws:sqs:{place}:{url.rstrip('/').rpartition('/')[2]}"


def _iam(kind: str) -> Callable[[str, str], str]:
    def arn(value: str, place: str) -> str:
        account = place.partition(":")[2]
        return value if value.startswith("arn:") else f"arn:aws:iam::{account}:{kind}/{value}"

    return arn


_TABLE = _named("dynamodb", "table/")
_RESOURCES: Mapping[str, tuple[tuple[str, Callable[[str, str], str]], ...]] = {
    "sqs": (("QueueUrl", _queue), ("QueueName", _named("sqs"))),
    "sns": (("TopicArn", _named("sns")), ("TargetArn", _named("sns")), ("Name", _named("sns"))),
    "dynamodb": (("TableName", _TABLE), ("StreamArn", _TABLE), ("ResourceArn", _TABLE)),
    "kinesis": (("StreamARN", _named("kinesis")), ("StreamName", _named("kinesis", "stream/"))),
    "firehose": (("DeliveryStreamName", _named("firehose", "deliverystream/")),),
    "secretsmanager": (("SecretId", _named("secretsmanager", "secret:")),),
    "ssm": (("Name", lambda name, place: f"arn:aws:ssm:{place}:parameter/{name.lstrip('/')}"),),
    "kms": (("KeyId", _named("kms", "key/")),),
    "states": (("stateMachineArn", _named("states")), ("executionArn", _named("states"))),
    "events": (("Name", _named("events", "rule/")), ("Rule", _named("events", "rule/"))),
    "sts": (("RoleArn", _iam("role")),),
    "iam": (
        ("RoleName", _iam("role")),
        ("UserName", _iam("user")),
        ("GroupName", _iam("group")),
        ("PolicyArn", _iam("policy")),
        ("PolicyName", _iam("policy")),
    ),
}
"""Members that name the resource of an action, the first that a request has."""
