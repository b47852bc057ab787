"""Sets what becomes of asynchronous events: retries, age, and where records of their end go.

Sources: the API reference; sentences of refusals as AWS answers, quoted in public issues (trust M).
What a setting does is the asynchronous invoker's matter, which reads the documents.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control.collaborators import function_name, reference
from emulator.api.control.pages import page
from emulator.core.version_key import LATEST
from emulator.errors import InvalidParameterValueError, ResourceNotFoundError
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.core.function_names import FunctionName, Reference
    from emulator.live.store.resources import Document

_SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


def event_invoke_config_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on event invoke configurations, by name."""
    operations = {
        "PutFunctionEventInvokeConfig": put_function_event_invoke_config,
        "UpdateFunctionEventInvokeConfig": update_function_event_invoke_config,
        "GetFunctionEventInvokeConfig": get_function_event_invoke_config,
        "ListFunctionEventInvokeConfigs": list_function_event_invoke_configs,
        "DeleteFunctionEventInvokeConfig": delete_function_event_invoke_config,
    }
    return {name: partial(operation, control) for name, operation in operations.items()}


async def put_function_event_invoke_config(control: Control, call: Call) -> dict[str, Any]:
    """Sets all; what the call leaves out is the default again."""
    return await _set(control, call, {})


async def update_function_event_invoke_config(control: Control, call: Call) -> dict[str, Any]:
    """Sets what the call names; the rest stays."""
    return await _set(control, call, _existing(control, _asked(control, call)))


async def _set(control: Control, call: Call, before: Document) -> dict[str, Any]:
    asked = _asked(control, call)
    said = {name: call.arguments[name] for name in _SETTINGS if name in call.arguments}
    _check(asked, said)
    modified = datetime.fromisoformat(control.time_of_day()).timestamp()
    document = {**before, **said, "LastModified": modified}
    await control.catalog.resources.change({_key(asked): document})
    return _shown(asked.function, asked.qualifier, document)


def _check(asked: Reference, said: Mapping[str, Any]) -> None:
    if not said:
        raise InvalidParameterValueError(
            "You must specify at least one of error handling or destination setting."
        )
    for destination in said.get("DestinationConfig", {}).values():
        arn = destination.get("Destination", "")
        if arn and arn.startswith(asked.function.arn()):
            raise InvalidParameterValueError(
                "You can't specify the function as a destination for itself."
            )


async def get_function_event_invoke_config(control: Control, call: Call) -> dict[str, Any]:
    """Shows what is set for a function, a version or an alias."""
    asked = _asked(control, call)
    return _shown(asked.function, asked.qualifier, _existing(control, asked))


async def list_function_event_invoke_configs(control: Control, call: Call) -> dict[str, Any]:
    """Lists what is set for a function, its versions and aliases."""
    name = control.catalog.existing(function_name(call)).name
    found = control.catalog.resources.named(name.scope, Kind.EVENT_INVOKE_CONFIG, name.name)
    return page(
        call,
        sorted(found),
        str,
        lambda qualifier: _shown(name, qualifier, found[qualifier]),
        "FunctionEventInvokeConfigs",
    )


async def delete_function_event_invoke_config(control: Control, call: Call) -> dict[str, Any]:
    """Puts the defaults in force again."""
    asked = _asked(control, call)
    _existing(control, asked)
    await control.catalog.resources.change({_key(asked): None})
    return {}


def _asked(control: Control, call: Call) -> Reference:
    """Returns what a call is about, `$LATEST` by its name; it exists."""
    asked = reference(call)
    control.catalog.find(asked)
    return type(asked)(asked.function, asked.qualifier or LATEST)


def _existing(control: Control, asked: Reference) -> Document:
    found = control.catalog.resources.get(_key(asked))
    if found is None:
        raise ResourceNotFoundError(f"The function {asked.arn} doesn't have an EventInvokeConfig")
    return found


def _key(asked: Reference) -> Key:
    name = asked.function
    return Key(name.scope, Kind.EVENT_INVOKE_CONFIG, name.name, asked.qualifier)


def _shown(name: FunctionName, qualifier: str, document: Document) -> dict[str, Any]:
    destinations = document.get("DestinationConfig", {})
    return {
        "LastModified": document["LastModified"],
        "FunctionArn": name.arn(qualifier),
        "MaximumRetryAttempts": document.get("MaximumRetryAttempts"),
        "MaximumEventAgeInSeconds": document.get("MaximumEventAgeInSeconds"),
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}, **destinations},
    }
