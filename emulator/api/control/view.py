"""Writes versions as the service model's FunctionConfiguration. Pure.

Source: botocore's service model, and answers of AWS in public issues for what is there without
having been asked for (TracingConfig, SnapStart, LoggingConfig …).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.version_key import LATEST
from emulator.live.store.function_records import State
from emulator.telemetry.log_lines import runtime_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.store.function_records import Alias, Version

_STATE = (
    *("State", "StateReason", "StateReasonCode"),
    *("LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode"),
)
"""Members that lists leave out (API reference, ListFunctions)."""


def configuration(version: Version, qualifier: str = "") -> dict[str, Any]:
    """Returns a version's members; `qualifier` is the one that the caller named, if any."""
    members = version.members
    named = qualifier or ("" if version.version == LATEST else version.version)
    return {
        **_defaults(version),
        **{name: value for name, value in members.items() if name not in _WRITTEN_OTHERWISE},
        **_written_otherwise(version),
        "FunctionName": version.function.name,
        "FunctionArn": version.function.arn(named),
        "Version": version.version,
        "CodeSha256": version.code.sha256,
        "CodeSize": version.code.size,
        "LastModified": version.modified,
        "RevisionId": version.revision,
        **_state(version),
    }


def listed(version: Version, *, qualified: bool = False) -> dict[str, Any]:
    """Returns a version's members as lists have them; in lists of versions ARNs are qualified."""
    found = configuration(version, version.version if qualified else "")
    return {name: value for name, value in found.items() if name not in _STATE}


def alias(found: Alias) -> dict[str, Any]:
    """Returns an alias' members."""
    routing = {"AdditionalVersionWeights": dict(found.weights)}
    return {
        "AliasArn": found.arn,
        "Name": found.name,
        "FunctionVersion": found.version,
        "Description": found.description,
        "RevisionId": found.revision,
        "RoutingConfig": routing if found.weights else None,
    }


_WRITTEN_OTHERWISE = frozenset({"ImageConfig", "SnapStart", "VpcConfig", "LoggingConfig"})


def _defaults(version: Version) -> dict[str, Any]:
    return {
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "TracingConfig": {"Mode": "PassThrough"},
        "RuntimeVersionConfig": _runtime_version(version),
    }


def _written_otherwise(version: Version) -> dict[str, Any]:
    members = version.members
    applied = members.get("SnapStart", {}).get("ApplyOn", "None")
    optimized = applied == "PublishedVersions" and version.version != LATEST
    group = f"/aws/lambda/{version.function.name}"
    found: dict[str, Any] = {
        "SnapStart": {"ApplyOn": applied, "OptimizationStatus": "On" if optimized else "Off"},
        "LoggingConfig": {
            "LogFormat": "Text",
            "LogGroup": group,
            **members.get("LoggingConfig", {}),
        },
    }
    if "ImageConfig" in members:
        found["ImageConfigResponse"] = {"ImageConfig": members["ImageConfig"]}
    if vpc := members.get("VpcConfig"):
        found["VpcConfig"] = _vpc(vpc)
    return found


def _vpc(said: Mapping[str, Any]) -> dict[str, Any]:
    subnets = said.get("SubnetIds", [])
    return {
        "SubnetIds": subnets,
        "SecurityGroupIds": said.get("SecurityGroupIds", []),
        "VpcId": "vpc-testbed" if subnets else "",
        "Ipv6AllowedForDualStack": said.get("Ipv6AllowedForDualStack", False),
    }


def _runtime_version(version: Version) -> dict[str, Any] | None:
    runtime = version.members.get("Runtime")
    if runtime is None:
        return None
    _, arn = runtime_version(runtime, version.function.scope.region)
    return {"RuntimeVersionArn": arn} if arn else None


def _state(version: Version) -> dict[str, Any]:
    status = version.status
    found: dict[str, Any] = {"State": status.state.value, "LastUpdateStatus": status.update.value}
    if status.state is not State.ACTIVE:
        found |= {"StateReason": status.reason, "StateReasonCode": status.reason_code}
    if status.update_reason:
        found |= {
            "LastUpdateStatusReason": status.update_reason,
            "LastUpdateStatusReasonCode": status.update_reason_code,
        }
    return found
