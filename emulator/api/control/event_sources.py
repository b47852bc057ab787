"""Serves the operations on event source mappings.

Sources: the API reference; sentences and members of answers as AWS's are quoted in public issues
(trust M). What a mapping may be is the core's (`core.event_sources.mapping`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.api.control.collaborators import reference, scope_of
from emulator.api.control.pages import page
from emulator.api.services.calls import ServiceError
from emulator.core.event_sources.mapping import Source, mapping_faults, source_of
from emulator.core.tenancy import unsupported
from emulator.errors import InvalidParameterValueError, ResourceNotFoundError
from emulator.live.event_sources.event_sources import SETTLED, MappingState
from emulator.live.event_sources.source_check import SourceCheck

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.live.aws.client import AwsClient
    from emulator.live.event_sources.event_sources import EventSources, Mapped

_KEPT = (
    *("BatchSize", "FilterCriteria", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes"),
    *("ParallelizationFactor", "DestinationConfig", "MaximumRecordAgeInSeconds"),
    *("BisectBatchOnFunctionError", "MaximumRetryAttempts", "TumblingWindowInSeconds"),
    *("ScalingConfig", "KMSKeyArn", "MetricsConfig", "ProvisionedPollerConfig", "Enabled"),
)
"""Members that are kept as they were said, and may be changed."""
_TIMESTAMP = "StartingPositionTimestamp"
_NOT_THERE = "The resource you requested does not exist."
_OTHER_SOURCES = ("SelfManagedEventSource", "Topics", "Queues", "DocumentDBEventSourceConfig")
_STREAM_DEFAULTS: Mapping[str, Any] = {
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}


def event_source_operations(
    control: Control, sources: EventSources, client: AwsClient
) -> Mapping[str, Operation]:
    """Returns the operations by name; `client` asks whether a source is there."""
    mappings = _Mappings(control, sources, SourceCheck(client))
    return {
        "CreateEventSourceMapping": mappings.create,
        "GetEventSourceMapping": mappings.get,
        "ListEventSourceMappings": mappings.list,
        "UpdateEventSourceMapping": mappings.update,
        "DeleteEventSourceMapping": mappings.delete,
    }


class _Mappings:
    """Answers the operations."""

    def __init__(self, control: Control, sources: EventSources, check: SourceCheck) -> None:
        self._control = control
        self._sources = sources
        self._check = check

    async def create(self, call: Call) -> dict[str, Any]:
        members = _members(call)
        members["EventSourceArn"] = _source_arn(call)
        if "StartingPosition" in call.arguments:
            members["StartingPosition"] = call.arguments["StartingPosition"]
        if (stamp := call.arguments.get(_TIMESTAMP)) is not None:
            members[_TIMESTAMP] = stamp.timestamp()
        members["FunctionArn"] = self._function_arn(call)
        _refuse(mapping_faults(members))
        self._refuse_second(call, members)
        await self._refuse_source(call, members)
        self._refuse_second(call, members)  # nor was one made meanwhile
        return _view(await self._sources.create(scope_of(call), members))

    async def get(self, call: Call) -> dict[str, Any]:
        return _view(self._existing(call))

    async def list(self, call: Call) -> dict[str, Any]:
        found = self._sources.all(scope_of(call))
        if (source := call.arguments.get("EventSourceArn")) is not None:
            found = [one for one in found if one.document["EventSourceArn"] == source]
        if "FunctionName" in call.arguments:
            arn = reference(call).arn
            found = [one for one in found if one.document["FunctionArn"] == arn]
        return page(call, found, lambda one: one.key.name, _view, "EventSourceMappings", most=100)

    async def update(self, call: Call) -> dict[str, Any]:
        mapped = self._settled(call)
        members = _members(call)
        if "FunctionName" in call.arguments:
            members["FunctionArn"] = self._function_arn(call)
        _refuse(mapping_faults({**mapped.document, **members}))
        await self._sources.update(mapped, members)
        return _view(mapped)

    async def delete(self, call: Call) -> dict[str, Any]:
        mapped = self._settled(call)
        await self._sources.delete(mapped)
        return _view(mapped)

    def _existing(self, call: Call) -> Mapped:
        found = self._sources.get(scope_of(call), call.arguments["UUID"])
        if found is None:
            raise ResourceNotFoundError(_NOT_THERE)
        return found

    def _settled(self, call: Call) -> Mapped:
        found = self._existing(call)
        if found.state not in SETTLED:
            action = "delete" if call.operation.startswith("Delete") else "update"
            raise ServiceError(
                "ResourceInUseException",
                f"Cannot {action} the event source mapping because it is in use.",
                400,
            )
        return found

    def _function_arn(self, call: Call) -> str:
        asked = reference(call)
        if self._control.catalog.find(asked).members.get("TenancyConfig"):
            raise InvalidParameterValueError(unsupported("An event source mapping"))
        return asked.arn

    def _refuse_second(self, call: Call, members: Mapping[str, Any]) -> None:
        for one in self._sources.all(scope_of(call)):
            same = all(
                one.document[name] == members[name] for name in ("EventSourceArn", "FunctionArn")
            )
            if same and one.state is not MappingState.DELETING:
                source, function = members["EventSourceArn"], reference(call).function.name
                raise ServiceError(
                    "ResourceConflictException",
                    f'The event source arn (" {source} ") and function (" {function} ") provided '
                    "mapping already exists. Please update or delete the existing mapping with "
                    f"UUID {one.key.name}",
                    409,
                )

    async def _refuse_source(self, call: Call, members: Mapping[str, Any]) -> None:
        version = self._control.catalog.find(reference(call))
        timeout = int(version.members.get("Timeout") or 3)
        _refuse(await self._check.faults(members["EventSourceArn"], timeout))


def _refuse(faults: list[str]) -> None:
    if not faults:
        return
    if faults[0].startswith("1 validation error"):
        raise ServiceError("ValidationException", faults[0], 400)
    raise InvalidParameterValueError(faults[0])


def _members(call: Call) -> dict[str, Any]:
    return {name: call.arguments[name] for name in _KEPT if name in call.arguments}


def _source_arn(call: Call) -> str:
    arn: str = call.arguments.get("EventSourceArn") or ""
    if any(call.arguments.get(name) for name in _OTHER_SOURCES) or (arn and source_of(arn) is None):
        kind = arn.split(":")[2] if arn.count(":") > 1 else "Kafka outside of AWS"
        raise ServiceError(
            "NotImplementedException", f"Event sources of {kind} are not emulated.", 501
        )
    if not arn:
        raise InvalidParameterValueError("Unrecognized event source.")
    return arn


def _view(mapped: Mapped) -> dict[str, Any]:
    document = mapped.document
    source = source_of(document["EventSourceArn"])
    assert source is not None
    scope, name = mapped.key.scope, mapped.key.name
    defaults: dict[str, Any] = {
        "BatchSize": source.value.batch_size,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
    }
    told: dict[str, Any] = {
        "UUID": name,
        "EventSourceMappingArn": scope.arn("lambda", f"event-source-mapping:{name}"),
        "EventSourceArn": document["EventSourceArn"],
        "FunctionArn": document["FunctionArn"],
        "LastModified": document["LastModified"],
        "State": mapped.state.value,
    }
    if source is Source.SQS:
        told["StateTransitionReason"] = "USER_INITIATED"
        # AWS tells no result of queues; a fault has to be told somewhere
        problem = mapped.last_result if mapped.last_result.startswith("PROBLEM") else None
        told["LastProcessingResult"] = problem
    else:
        defaults |= _STREAM_DEFAULTS
        told["StateTransitionReason"] = "User action"
        told["LastProcessingResult"] = mapped.last_result
        told["StartingPosition"] = document.get("StartingPosition")
        told[_TIMESTAMP] = document.get(_TIMESTAMP)
    said = {key: document[key] for key in _KEPT if key in document and key != "Enabled"}
    return defaults | said | told
