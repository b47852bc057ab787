"""Reserves and provisions concurrency of functions, and shows both.

Sources: the API reference; sentences of refusals and the reason of a failure as AWS answers, quoted
in public issues. What may be reserved the core decides; who starts sandboxes is
`live.functions.concurrency`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control.collaborators import function_name, reference
from emulator.api.control.pages import page
from emulator.api.services.calls import ServiceError
from emulator.core.concurrency_settings import (
    ALIAS_OF_PROVISIONED,
    NO_SUCH_CONFIG,
    UNPUBLISHED,
    VERSION_OF_PROVISIONED,
    provisioned_fault,
    reservation_fault,
)
from emulator.core.function_faults import NOT_WITH_SNAP_START
from emulator.core.function_names import Reference, is_version
from emulator.core.tenancy import unsupported
from emulator.core.version_key import LATEST
from emulator.errors import InvalidParameterValueError, ResourceConflictError
from emulator.live.functions.concurrency import taken
from emulator.live.store.function_records import concurrency_key
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.core.function_names import FunctionName
    from emulator.live.functions.concurrency import ProvisionedState
    from emulator.live.store.function_records import Version
    from emulator.live.store.resources import Document

_REQUESTED = "RequestedProvisionedConcurrentExecutions"
_INIT_FAILED = "FUNCTION_ERROR_INIT_FAILURE"


def concurrency_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on concurrency, by name."""
    operations = {
        "PutFunctionConcurrency": put_function_concurrency,
        "GetFunctionConcurrency": get_function_concurrency,
        "DeleteFunctionConcurrency": delete_function_concurrency,
        "PutProvisionedConcurrencyConfig": put_provisioned_concurrency_config,
        "GetProvisionedConcurrencyConfig": get_provisioned_concurrency_config,
        "ListProvisionedConcurrencyConfigs": list_provisioned_concurrency_configs,
        "DeleteProvisionedConcurrencyConfig": delete_provisioned_concurrency_config,
    }
    return {name: partial(operation, control) for name, operation in operations.items()}


# reserved


async def put_function_concurrency(control: Control, call: Call) -> dict[str, Any]:
    """Reserves concurrency for a function, as far as enough is left for the others."""
    name, wanted = _existing(control, call), call.arguments["ReservedConcurrentExecutions"]
    has = taken(control.catalog, name.scope)
    if fault := reservation_fault(has, name.name, wanted, control.profile):
        raise InvalidParameterValueError(fault)
    document = {"ReservedConcurrentExecutions": wanted}
    await control.catalog.resources.change({concurrency_key(name): document})
    return document


async def get_function_concurrency(control: Control, call: Call) -> dict[str, Any]:
    """Shows what is reserved; nothing where nothing is."""
    found = control.catalog.resources.get(concurrency_key(_existing(control, call)))
    return {} if found is None else dict(found)


async def delete_function_concurrency(control: Control, call: Call) -> dict[str, Any]:
    """Lifts a reservation; the function shares the account's concurrency again."""
    await control.catalog.resources.change({concurrency_key(_existing(control, call)): None})
    return {}


# provisioned


async def put_provisioned_concurrency_config(control: Control, call: Call) -> dict[str, Any]:
    """Has sandboxes of a version, or of the one that an alias names, kept initialized."""
    asked = reference(call)
    version = _provisionable(control, asked)
    _check_free(control, asked, version)
    key, wanted = _provisioned_key(asked), call.arguments["ProvisionedConcurrentExecutions"]
    before = control.catalog.resources.get(key)
    instead_of = 0 if before is None else before[_REQUESTED]
    has = taken(control.catalog, asked.function.scope)
    name = asked.function.name
    if fault := provisioned_fault(has, name, wanted, instead_of, control.profile):
        raise InvalidParameterValueError(fault)
    document = {_REQUESTED: wanted, "LastModified": control.time_of_day()}
    await control.catalog.resources.change({key: document})
    return _state(document, control.concurrency.provisioned(version))


async def get_provisioned_concurrency_config(control: Control, call: Call) -> dict[str, Any]:
    """Shows how much of what was asked for stands ready."""
    asked = reference(call)
    version = _provisionable(control, asked)
    found = control.catalog.resources.get(_provisioned_key(asked))
    if found is None:
        raise ServiceError("ProvisionedConcurrencyConfigNotFoundException", NO_SUCH_CONFIG)
    return _state(found, control.concurrency.provisioned(version))


async def list_provisioned_concurrency_configs(control: Control, call: Call) -> dict[str, Any]:
    """Lists what a function's versions and aliases have."""
    name = _existing(control, call)
    found = control.catalog.resources.named(name.scope, Kind.PROVISIONED_CONCURRENCY, name.name)

    def shown(qualifier: str) -> dict[str, Any]:
        version = control.catalog.find(Reference(name, qualifier))
        state = _state(found[qualifier], control.concurrency.provisioned(version))
        return {"FunctionArn": name.arn(qualifier), **state}

    return page(call, sorted(found), str, shown, "ProvisionedConcurrencyConfigs")


async def delete_provisioned_concurrency_config(control: Control, call: Call) -> dict[str, Any]:
    """Ends provisioned concurrency; its sandboxes finish what they run."""
    asked = reference(call)
    _provisionable(control, asked)
    await control.catalog.resources.change({_provisioned_key(asked): None})
    return {}


def _provisionable(control: Control, asked: Reference) -> Version:
    """Returns the published version that a name leads to.

    Raises:
        ResourceNotFoundError: there is none such.
        InvalidParameterValueError: it is $LATEST, serves tenants apart, or has a snapshot.
    """
    version = control.catalog.find(asked)
    if version.version == LATEST:
        raise InvalidParameterValueError(UNPUBLISHED)
    if version.members.get("TenancyConfig"):
        raise InvalidParameterValueError(unsupported("Provisioned concurrency"))
    if version.members.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions":
        raise InvalidParameterValueError(NOT_WITH_SNAP_START)
    return version


def _check_free(control: Control, asked: Reference, version: Version) -> None:
    """Refuses a version that has the config by another name already.

    Raises:
        ResourceConflictError: an alias of the version has one, or the version of the alias.
    """
    name, resources = asked.function, control.catalog.resources
    others = resources.named(name.scope, Kind.PROVISIONED_CONCURRENCY, name.name)
    for qualifier in others:
        is_same = control.catalog.find(Reference(name, qualifier)).version == version.version
        if qualifier != asked.qualifier and is_same:
            numbered = is_version(qualifier)
            raise ResourceConflictError(
                ALIAS_OF_PROVISIONED if numbered else VERSION_OF_PROVISIONED
            )


def _state(document: Document, state: ProvisionedState) -> dict[str, Any]:
    failed = state.failure and state.ready < document[_REQUESTED]
    done = "READY" if state.ready >= document[_REQUESTED] else "IN_PROGRESS"
    return {
        _REQUESTED: document[_REQUESTED],
        "AllocatedProvisionedConcurrentExecutions": state.ready,
        "AvailableProvisionedConcurrentExecutions": state.ready,
        "Status": "FAILED" if failed else done,
        "StatusReason": _INIT_FAILED if failed else None,
        "LastModified": document["LastModified"],
    }


def _existing(control: Control, call: Call) -> FunctionName:
    return control.catalog.existing(function_name(call)).name


def _provisioned_key(asked: Reference) -> Key:
    name = asked.function
    return Key(name.scope, Kind.PROVISIONED_CONCURRENCY, name.name, asked.qualifier)
