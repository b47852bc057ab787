"""Tells which rights a call of Lambda's, CloudWatch Logs' or CloudWatch's API needs. Pure.

Source: the Service Authorization Reference, "Actions, resources, and condition keys for AWS
Lambda", "… Amazon CloudWatch Logs" and "… Amazon CloudWatch". What a call does to a function's role
and layers needs rights of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.api.auth.context import tag_context
from emulator.core.function_names import NameFault, Scope, refer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from emulator.api.auth.context import Values
    from emulator.api.services.calls import Call

INVOKE = "lambda:InvokeFunction"
INVOKE_URL = "lambda:InvokeFunctionUrl"
PASS_ROLE = "iam:PassRole"  # noqa: S105  # an action
LAMBDA = "lambda.amazonaws.com"
ANY = "*"

_ACTIONS = {
    "Invoke": INVOKE,
    "InvokeWithResponseStream": INVOKE,
    "GetLayerVersionByArn": "lambda:GetLayerVersion",
}
"""Actions that are not called as their operation is."""


@dataclass(frozen=True, slots=True)
class Right:
    """Holds one right that a call needs, with the values that only this right's conditions see."""

    action: str
    resource: str
    context: Values = field(default_factory=dict)


def rights(call: Call) -> Iterator[Right]:
    """Yields the rights that a call needs, all of them."""
    match call.service:
        case "lambda":
            yield from _lambda(call)
        case "logs":
            yield Right(f"logs:{call.operation}", _log_resource(call))
        case "monitoring":
            yield Right(f"cloudwatch:{call.operation}", _alarm(call))
        case other:
            yield Right(f"{other}:{call.operation}", ANY)


def _lambda(call: Call) -> Iterator[Right]:
    arguments = call.arguments
    action = _ACTIONS.get(call.operation, f"lambda:{call.operation}")
    yield Right(action, _lambda_resource(call), _lambda_context(call))
    if role := arguments.get("Role"):
        yield Right(PASS_ROLE, role, {"iam:passedtoservice": (LAMBDA,)})
    for layer in arguments.get("Layers") or ():
        yield Right("lambda:GetLayerVersion", layer)


def _lambda_resource(call: Call) -> str:
    given, scope = call.arguments, Scope(call.account, call.region)
    if call.operation in _WITHOUT_RESOURCE:
        return ANY
    for member, resource_of in _RESOURCES:
        if value := given.get(member):
            return resource_of(value, given, scope)
    return ANY


def _function(value: str, given: Mapping[str, Any], scope: Scope) -> str:
    try:
        return refer(value, given.get("Qualifier"), scope).arn
    except NameFault:  # the operation's own check has the sentence
        return scope.arn("lambda", f"function:{value}")


def _event_source(value: str, _given: Mapping[str, Any], scope: Scope) -> str:
    return scope.arn("lambda", f"event-source-mapping:{value}")


def _layer(value: str, given: Mapping[str, Any], scope: Scope) -> str:
    arn = value if value.startswith("arn:") else scope.arn("lambda", f"layer:{value}")
    number = given.get("VersionNumber")
    return arn if number is None else f"{arn}:{number}"


def _itself(value: str, _given: Mapping[str, Any], _scope: Scope) -> str:
    return value


_WITHOUT_RESOURCE = frozenset(
    {"CreateEventSourceMapping", "ListEventSourceMappings", "ListFunctions", "ListLayers"}
)
"""Operations whose members name something, and whose action nevertheless has no resource."""
_RESOURCES: tuple[tuple[str, Callable[[str, Mapping[str, Any], Scope], str]], ...] = (
    ("UUID", _event_source),
    ("FunctionName", _function),
    ("LayerName", _layer),
    ("CodeSigningConfigArn", _itself),
    ("Resource", _itself),
    ("ResourceArn", _itself),
    ("Arn", _itself),
)
"""Members that name the resource of an action, the first that a call has."""


def _lambda_context(call: Call) -> Values:
    given, scope = call.arguments, Scope(call.account, call.region)
    found = tag_context("aws:RequestTag", given.get("Tags") or {})
    if keys := given.get("TagKeys"):
        found["aws:tagkeys"] = tuple(keys)
    if "EventSourceMapping" in call.operation and given.get("FunctionName"):
        found["lambda:functionarn"] = (_function(given["FunctionName"], {}, scope),)
    if layers := given.get("Layers"):
        found["lambda:layer"] = tuple(layers)
    for member, key in _CONDITIONS.items():
        if member in given:
            found[key] = (_text(given[member]),)
    auth = given.get("AuthType") or given.get("FunctionUrlAuthType")
    if auth:
        found["lambda:functionurlauthtype"] = (auth,)
    return found


_CONDITIONS = {
    "Principal": "lambda:principal",
    "CodeSigningConfigArn": "lambda:codesigningconfigarn",
    "InvokedViaFunctionUrl": "lambda:invokedviafunctionurl",
}
"""Condition keys that have the value of a member."""


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _log_resource(call: Call) -> str:
    """Returns the ARN of a log stream, or of a group with `log-stream:` and no stream after it."""
    given, scope = call.arguments, Scope(call.account, call.region)
    if arn := _arn_member(given):
        return arn
    names = given.get("logGroupNames") or [""]
    group = given.get("logGroupName") or names[0]
    if not group and call.operation not in _OF_LOG_GROUPS:
        return ANY
    return scope.arn("logs", f"log-group:{group}:log-stream:{given.get('logStreamName', '')}")


_OF_LOG_GROUPS = frozenset({"DescribeLogGroups", "ListLogGroups"})
"""Operations on all groups, whose resource is a group without a name."""


def _arn_member(given: Mapping[str, Any]) -> str:
    """Returns the first ARN that stands in the place of a group's name."""
    for member in ("logGroupIdentifier", "resourceArn"):
        value = given.get(member, "")
        if value.startswith("arn:"):
            return f"{value.removesuffix(':*')}:log-stream:"
    listed = given.get("logGroupIdentifiers") or [""]
    return f"{listed[0].removesuffix(':*')}:log-stream:" if listed[0].startswith("arn:") else ""


def _alarm(_call: Call) -> str:
    return ANY  # no action on metrics has a resource
