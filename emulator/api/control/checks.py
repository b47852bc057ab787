"""Checks what a function is configured as, and what may be done to it now, in AWS's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.services.calls import ServiceError
from emulator.core.function_faults import faults
from emulator.core.tenancy import unsupported
from emulator.errors import (
    ConstraintError,
    InvalidParameterValueError,
    ResourceConflictError,
)
from emulator.live.functions.conversion import configuration
from emulator.live.functions.deployer import not_now
from emulator.live.store.function_records import State, UpdateStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from emulator.api.control.collaborators import Control
    from emulator.core.function_names import Scope
    from emulator.live.store.function_records import Version

_ELSEWHERE = {
    "CapacityProviderConfig": "Managed Instances",
    "DurableConfig": "Durable functions",
    "AcceleratorConfig": "GPUs",
    "RuntimeConfig": "Customer-managed runtimes",
    "PublishTo": "Managed Instances",
}
"""Members of products that are not emulated."""
_NO_FILE_SYSTEM = "Amazon Elastic File System is not supported for SnapStart enabled functions."
"""That SnapStart does not support EFS is the guide's (H); the sentence is by the pattern of those
for runtimes (M)."""
_REVISION = (
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias "
    "API to retrieve the latest Revision Id"
)


def check_emulated(arguments: Mapping[str, Any]) -> None:
    """Refuses what belongs to products that are not emulated, by name."""
    for member, product in _ELSEWHERE.items():
        if arguments.get(member):
            raise ServiceError(
                "NotImplementedException", f"{member}: {product} are not emulated.", 501
            )


def check_configuration(control: Control, version: Version) -> None:
    """Refuses a configuration that Lambda refuses under the profile.

    Raises:
        ConstraintError: a value is out of its bounds.
        InvalidParameterValueError: what is configured cannot be.
    """
    snapshots = version.members.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions"
    if snapshots and version.members.get("TenancyConfig"):
        raise InvalidParameterValueError(unsupported("SnapStart"))
    if snapshots and version.members.get("FileSystemConfigs"):
        raise InvalidParameterValueError(_NO_FILE_SYSTEM)
    layers = tuple(version.code.layers) or version.code.layer_archives
    found = faults(configuration(version, version.function.scope, layers=layers), control.profile)
    if not found:
        return
    kind = ConstraintError if found[0][:1].isdigit() else InvalidParameterValueError
    raise kind(found[0])


def check_runtime(control: Control, runtime: str | None) -> None:
    """Refuses a runtime that functions could not be created with at the profile's date."""
    if runtime is None or control.profile.runtime(runtime) is not None:
        return
    names = ", ".join(known.name for known in control.profile.runtimes)
    raise InvalidParameterValueError(
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum "
        f"value set: [{names}] or be a valid ARN"
    )


def check_size(control: Control, version: Version, layers_unzipped: int) -> None:
    """Refuses code that is too large together with its layers."""
    most, size = control.profile.code.unzipped, version.code.unzipped + layers_unzipped
    if layers_unzipped and size > most:
        raise InvalidParameterValueError(
            f"Function code combined with layers exceeds the maximum allowed size of {most} bytes. "
            f"The actual size is {size} bytes."
        )


def check_storage(control: Control, scope: Scope, more: int) -> None:
    """Refuses code for which the account has no room left in the region."""
    used = control.catalog.code_size(scope)
    if used + more > control.profile.code.total:
        raise ServiceError(
            "CodeStorageExceededException",
            "Code storage limit exceeded.",
            400,
        )


def check_revision(revision: str, wanted: str | None) -> None:
    """Refuses a change of what has another RevisionId than the caller knows."""
    if wanted and wanted != revision:
        raise ServiceError("PreconditionFailedException", _REVISION, 412)


def check_idle(version: Version) -> None:
    """Refuses a change of a version that is being made or changed.

    Raises:
        ResourceConflictError: the version is Pending, or an update goes on.
    """
    status = version.status
    if status.state is State.PENDING:
        raise not_now(status.state)
    if status.update is UpdateStatus.IN_PROGRESS:
        raise ResourceConflictError(
            "The operation cannot be performed at this time. An update is in progress for "
            f"resource: {version.arn}"
        )
