"""Gives functions and aliases URLs, and changes how these are served.

Sources: the API reference; sentences of refusals as AWS answers, quoted in public issues (trust M).
A URL's host begins with letters of its own, as on AWS: a URL that is made again is another one.
"""

from __future__ import annotations

import secrets
import string
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control.collaborators import function_name, reference
from emulator.api.control.pages import page
from emulator.core.function_names import Reference
from emulator.core.tenancy import unsupported
from emulator.errors import (
    InvalidParameterValueError,
    ResourceConflictError,
    ResourceNotFoundError,
)
from emulator.live.functions.urls import ID
from emulator.live.store.function_records import url_key
from emulator.live.store.resources import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.live.store.resources import Document, Key

_ID_LETTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 32
_CONFIGURED = ("AuthType", "Cors", "InvokeMode")
_NO_URL = "The resource you requested does not exist."
_NO_FUNCTION = "Function does not exist"


def url_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on function URLs, by name."""
    operations = {
        "CreateFunctionUrlConfig": create_function_url_config,
        "GetFunctionUrlConfig": get_function_url_config,
        "UpdateFunctionUrlConfig": update_function_url_config,
        "DeleteFunctionUrlConfig": delete_function_url_config,
        "ListFunctionUrlConfigs": list_function_url_configs,
    }
    return {name: partial(operation, control) for name, operation in operations.items()}


async def create_function_url_config(control: Control, call: Call) -> dict[str, Any]:
    """Gives $LATEST, or what an alias names, a URL."""
    asked = _asked(control, call)
    key, resources = _key(asked), control.catalog.resources
    if resources.get(key) is not None:
        raise ResourceConflictError(
            f"Failed to create function url config for [functionArn = {asked.arn}]. Error message: "
            " FunctionUrlConfig exists for this Lambda function"
        )
    now = _now(control)
    document = {
        ID: "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH)),
        "InvokeMode": "BUFFERED",
        **_said(call),
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    await resources.change({key: document})
    shown = _shown(call, asked, document)
    del shown["LastModifiedTime"]
    return shown


async def get_function_url_config(control: Control, call: Call) -> dict[str, Any]:
    """Shows a URL and how it is served."""
    asked = _asked(control, call)
    return _shown(call, asked, _existing(control, asked))


async def update_function_url_config(control: Control, call: Call) -> dict[str, Any]:
    """Changes what the call names; the URL stays."""
    asked = _asked(control, call)
    before = _existing(control, asked)
    document = {**before, **_said(call), "LastModifiedTime": _now(control)}
    await control.catalog.resources.change({_key(asked): document})
    return _shown(call, asked, document)


async def delete_function_url_config(control: Control, call: Call) -> dict[str, Any]:
    """Takes a URL away for good."""
    asked = _asked(control, call)
    _existing(control, asked)
    await control.catalog.resources.change({_key(asked): None})
    return {}


async def list_function_url_configs(control: Control, call: Call) -> dict[str, Any]:
    """Lists the URLs of a function and its aliases."""
    name = function_name(call)
    if control.catalog.function(name) is None:
        raise ResourceNotFoundError(_NO_FUNCTION)
    found = control.catalog.resources.named(name.scope, Kind.URL, name.name)

    def shown(qualifier: str) -> dict[str, Any]:
        return _shown(call, Reference(name, qualifier), found[qualifier])

    return page(call, sorted(found), str, shown, "FunctionUrlConfigs")


def _asked(control: Control, call: Call) -> Reference:
    """Returns the function or alias that a call names.

    Raises:
        ResourceNotFoundError: there is none such.
        InvalidParameterValueError: the function serves tenants apart.
    """
    asked = reference(call)
    try:
        version = control.catalog.find(asked)
    except ResourceNotFoundError as error:
        raise ResourceNotFoundError(_NO_FUNCTION) from error
    if version.members.get("TenancyConfig"):
        raise InvalidParameterValueError(unsupported("A function URL"))
    return asked


def _existing(control: Control, asked: Reference) -> Document:
    found = control.catalog.resources.get(_key(asked))
    if found is None:
        raise ResourceNotFoundError(_NO_URL)
    return found


def _said(call: Call) -> dict[str, Any]:
    return {name: call.arguments[name] for name in _CONFIGURED if name in call.arguments}


def _now(control: Control) -> str:
    return control.time_of_day().removesuffix("+0000") + "Z"


def _key(asked: Reference) -> Key:
    return url_key(asked.function, asked.qualifier)


def _shown(call: Call, asked: Reference, document: Document) -> dict[str, Any]:
    _, _, port = call.host.partition(":")
    host = f"{document[ID]}.lambda-url.localhost" + (f":{port}" if port else "")
    members = {name: value for name, value in document.items() if name != ID}
    return {"FunctionUrl": f"http://{host}/", "FunctionArn": asked.arn, **members}
