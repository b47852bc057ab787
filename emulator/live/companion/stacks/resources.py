"""What each resource type of CloudFormation means in calls of the emulator's APIs."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.companion.stacks.apis import Apis

Properties = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """Holds what a template can say of a resource that was made."""

    id: str
    """What `Ref` gives."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """What `Fn::GetAtt` gives."""


class Resource:
    """Makes, changes and deletes resources of one type; the default is to make anew."""

    kind: ClassVar[str]
    name_property: ClassVar[str] = ""
    """The property that names the resource; empty where it is named by what it belongs to."""
    attributes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, apis: Apis) -> None:
        self._apis = apis

    def create(self, region: str, name: str, properties: Properties) -> Made:
        """Makes a resource; `name` is its name, or one that no other has."""
        raise NotImplementedError

    def update(self, region: str, made: Made, name: str, properties: Properties) -> Made:
        self.delete(region, made, properties)
        return self.create(region, name, properties)

    def delete(self, region: str, made: Made, properties: Properties) -> None:
        """Deletes a resource; nothing, for what goes with its function."""

    def _call(self, region: str, operation: str, members: Properties) -> dict[str, Any]:
        return self._apis.call("lambda", operation, region, members)


class Function(Resource):
    kind = "AWS::Lambda::Function"
    name_property = "FunctionName"
    attributes = ("Arn",)

    def create(self, region: str, name: str, properties: Properties) -> Made:
        members = properties | {"FunctionName": name, "Code": code_of(properties)}
        made = self._call(region, "CreateFunction", members)
        self._apis.wait("function_active_v2", region, FunctionName=name)
        self._settle(region, name, properties)
        return Made(name, {"Arn": made["FunctionArn"]})

    def update(self, region: str, made: Made, name: str, properties: Properties) -> Made:
        if name != made.id:
            return super().update(region, made, name, properties)
        members = properties | {"FunctionName": name}
        self._call(region, "UpdateFunctionCode", members | code_of(properties))
        self._apis.wait("function_updated_v2", region, FunctionName=name)
        self._call(region, "UpdateFunctionConfiguration", members)
        self._apis.wait("function_updated_v2", region, FunctionName=name)
        self._settle(region, name, properties)
        return made

    def delete(self, region: str, made: Made, properties: Properties) -> None:  # noqa: ARG002
        self._call(region, "DeleteFunction", {"FunctionName": made.id})

    def _settle(self, region: str, name: str, properties: Properties) -> None:
        if (reserved := properties.get("ReservedConcurrentExecutions")) is not None:
            members = {"FunctionName": name, "ReservedConcurrentExecutions": reserved}
            self._call(region, "PutFunctionConcurrency", members)


def code_of(properties: Properties) -> dict[str, Any]:
    """Returns the members of a function's code; text in the template becomes a zip."""
    code = dict(properties.get("Code", {}))
    text = code.get("ZipFile")
    if isinstance(text, str):
        suffix = "js" if str(properties.get("Runtime", "")).startswith("nodejs") else "py"
        code["ZipFile"] = _zipped(f"index.{suffix}", text)
    return code


def _zipped(name: str, text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return packed.getvalue()


class Version(Resource):
    kind = "AWS::Lambda::Version"
    attributes = ("FunctionArn", "Version")

    def create(self, region: str, name: str, properties: Properties) -> Made:  # noqa: ARG002
        made = self._call(region, "PublishVersion", properties)
        arn, version = made["FunctionArn"], made["Version"]
        provision(self._apis, region, version, properties)
        return Made(arn, {"FunctionArn": arn, "Version": version})


def provision(apis: Apis, region: str, qualifier: str, properties: Properties) -> None:
    """Sets the provisioned concurrency of a version or an alias where there is any."""
    stated = properties.get("ProvisionedConcurrencyConfig")
    if stated:
        members = {"FunctionName": properties["FunctionName"], "Qualifier": qualifier} | stated
        apis.call("lambda", "PutProvisionedConcurrencyConfig", region, members)


class Alias(Resource):
    kind = "AWS::Lambda::Alias"
    attributes = ("AliasArn",)

    def create(self, region: str, name: str, properties: Properties) -> Made:  # noqa: ARG002
        return self._made(region, "CreateAlias", properties)

    def update(self, region: str, made: Made, name: str, properties: Properties) -> Made:
        if not made.id.endswith(f":{properties['Name']}"):
            return super().update(region, made, name, properties)
        return self._made(region, "UpdateAlias", properties)

    def delete(self, region: str, made: Made, properties: Properties) -> None:  # noqa: ARG002
        function, _, alias = made.id.rpartition(":")
        self._call(region, "DeleteAlias", {"FunctionName": function, "Name": alias})

    def _made(self, region: str, operation: str, properties: Properties) -> Made:
        made = self._call(region, operation, properties | {"RoutingConfig": _weights(properties)})
        provision(self._apis, region, properties["Name"], properties)
        return Made(made["AliasArn"], {"AliasArn": made["AliasArn"]})


def _weights(properties: Properties) -> dict[str, Any]:
    """Returns the weights of further versions, which a template lists."""
    stated = properties.get("RoutingConfig", {}).get("AdditionalVersionWeights", ())
    weights = {one["FunctionVersion"]: float(one["FunctionWeight"]) for one in stated}
    return {"AdditionalVersionWeights": weights}


class Permission(Resource):
    kind = "AWS::Lambda::Permission"

    def create(self, region: str, name: str, properties: Properties) -> Made:
        self._call(region, "AddPermission", properties | {"StatementId": name})
        return Made(name)

    def delete(self, region: str, made: Made, properties: Properties) -> None:
        members = {"FunctionName": properties["FunctionName"], "StatementId": made.id}
        self._call(region, "RemovePermission", members)


class Url(Resource):
    kind = "AWS::Lambda::Url"
    attributes = ("FunctionArn", "FunctionUrl")

    def create(self, region: str, name: str, properties: Properties) -> Made:  # noqa: ARG002
        members = properties | {"FunctionName": properties["TargetFunctionArn"]}
        made = self._call(region, "CreateFunctionUrlConfig", members)
        return Made(made["FunctionArn"], {name: made[name] for name in self.attributes})

    def delete(self, region: str, made: Made, properties: Properties) -> None:  # noqa: ARG002
        self._call(region, "DeleteFunctionUrlConfig", {"FunctionName": made.id})


class EventInvokeConfig(Resource):
    kind = "AWS::Lambda::EventInvokeConfig"

    def create(self, region: str, name: str, properties: Properties) -> Made:
        self._call(region, "PutFunctionEventInvokeConfig", properties)
        return Made(name)

    def delete(self, region: str, made: Made, properties: Properties) -> None:  # noqa: ARG002
        self._call(region, "DeleteFunctionEventInvokeConfig", properties)


class EventSourceMapping(Resource):
    kind = "AWS::Lambda::EventSourceMapping"
    attributes = ("Id", "EventSourceMappingArn")

    def create(self, region: str, name: str, properties: Properties) -> Made:  # noqa: ARG002
        made = self._call(region, "CreateEventSourceMapping", properties)
        arn = made.get("EventSourceMappingArn")
        return Made(made["UUID"], {"Id": made["UUID"], "EventSourceMappingArn": arn})

    def update(self, region: str, made: Made, name: str, properties: Properties) -> Made:  # noqa: ARG002
        self._call(region, "UpdateEventSourceMapping", properties | {"UUID": made.id})
        return made

    def delete(self, region: str, made: Made, properties: Properties) -> None:  # noqa: ARG002
        self._call(region, "DeleteEventSourceMapping", {"UUID": made.id})


class LayerVersion(Resource):
    kind = "AWS::Lambda::LayerVersion"
    name_property = "LayerName"
    attributes = ("LayerVersionArn",)

    def create(self, region: str, name: str, properties: Properties) -> Made:
        made = self._call(region, "PublishLayerVersion", properties | {"LayerName": name})
        arn = made["LayerVersionArn"]
        return Made(arn, {"LayerVersionArn": arn})

    def delete(self, region: str, made: Made, properties: Properties) -> None:  # noqa: ARG002
        layer, _, number = made.id.rpartition(":")
        self._call(region, "DeleteLayerVersion", {"LayerName": layer, "VersionNumber": number})


class LogGroup(Resource):
    kind = "AWS::Logs::LogGroup"
    name_property = "LogGroupName"
    attributes = ("Arn",)

    def create(self, region: str, name: str, properties: Properties) -> Made:
        self._logs(region, "CreateLogGroup", name, {})
        if (days := properties.get("RetentionInDays")) is not None:
            self._logs(region, "PutRetentionPolicy", name, {"retentionInDays": days})
        prefix = {"logGroupNamePrefix": name}
        found = self._apis.call("logs", "DescribeLogGroups", region, prefix)["logGroups"]
        return Made(name, {"Arn": found[0]["arn"]})

    def delete(self, region: str, made: Made, properties: Properties) -> None:  # noqa: ARG002
        self._logs(region, "DeleteLogGroup", made.id, {})

    def _logs(self, region: str, operation: str, name: str, members: Properties) -> None:
        self._apis.call("logs", operation, region, members | {"logGroupName": name})


RESOURCES: tuple[type[Resource], ...] = (
    *(Function, Version, Alias, Permission, Url, EventInvokeConfig, EventSourceMapping),
    *(LayerVersion, LogGroup),
)
"""Types of which the companion's CloudFormation makes the emulator's."""
