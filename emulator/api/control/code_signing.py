"""Keeps code signing configurations, and which functions use them.

No code is signed here: AWS Signer, which would do that, is not emulated. So a configuration that
enforces signatures lets no code be deployed, as on AWS where nothing was signed, and one that warns
lets all. Sources: the API reference; sentences as AWS answers (trust M).
"""

from __future__ import annotations

import secrets
import string
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control.collaborators import function_name, scope_of
from emulator.api.control.pages import page
from emulator.api.services.calls import ServiceError
from emulator.core.function_names import FunctionName
from emulator.errors import ResourceConflictError, ResourceNotFoundError
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.core.function_names import Scope
    from emulator.live.store.resources import Document

_MARK = "code-signing-config:"
_ID_LETTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 17
_MOST = 10_000
"""Entries of a page."""
_UNSIGNED = (
    "Lambda cannot deploy the function. The function or layer might be signed using a signature "
    "that the client is not configured to accept. Check the provided signature for unsigned."
)


def code_signing_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on code signing, by name."""
    operations = {
        "CreateCodeSigningConfig": create_code_signing_config,
        "GetCodeSigningConfig": get_code_signing_config,
        "UpdateCodeSigningConfig": update_code_signing_config,
        "DeleteCodeSigningConfig": delete_code_signing_config,
        "ListCodeSigningConfigs": list_code_signing_configs,
        "ListFunctionsByCodeSigningConfig": list_functions_by_code_signing_config,
        "PutFunctionCodeSigningConfig": put_function_code_signing_config,
        "GetFunctionCodeSigningConfig": get_function_code_signing_config,
        "DeleteFunctionCodeSigningConfig": delete_function_code_signing_config,
    }
    return {name: partial(operation, control) for name, operation in operations.items()}


# configurations


async def create_code_signing_config(control: Control, call: Call) -> dict[str, Any]:
    """Keeps a new configuration; without a policy it warns."""
    arguments, scope = call.arguments, scope_of(call)
    letters = (secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    key = Key(scope, Kind.CODE_SIGNING_CONFIG, f"csc-{''.join(letters)}")
    document = {
        "Description": arguments.get("Description", ""),
        "AllowedPublishers": arguments["AllowedPublishers"],
        "CodeSigningPolicies": _policies(arguments),
        "LastModified": control.time_of_day(),
    }
    await control.catalog.resources.change({key: document})
    return {"CodeSigningConfig": _shown(key, document)}


async def get_code_signing_config(control: Control, call: Call) -> dict[str, Any]:
    """Shows a configuration."""
    return {"CodeSigningConfig": _shown(*_existing(control, call))}


async def update_code_signing_config(control: Control, call: Call) -> dict[str, Any]:
    """Changes what the call names; code that is deployed already stays."""
    key, before = _existing(control, call)
    names = ("Description", "AllowedPublishers", "CodeSigningPolicies")
    said = {name: call.arguments[name] for name in names if name in call.arguments}
    document = {**before, **said, "LastModified": control.time_of_day()}
    await control.catalog.resources.change({key: document})
    return {"CodeSigningConfig": _shown(key, document)}


async def delete_code_signing_config(control: Control, call: Call) -> dict[str, Any]:
    """Takes away a configuration that no function uses."""
    key, _ = _existing(control, call)
    if _users(control, key):
        raise ResourceConflictError(
            f"The code signing configuration {_arn(key)} is used by functions."
        )
    await control.catalog.resources.change({key: None})
    return {}


async def list_code_signing_configs(control: Control, call: Call) -> dict[str, Any]:
    """Lists an account's configurations in a region."""
    scope = scope_of(call)
    found = control.catalog.resources.all(scope, Kind.CODE_SIGNING_CONFIG)

    def shown(name: str) -> dict[str, Any]:
        return _shown(Key(scope, Kind.CODE_SIGNING_CONFIG, name), found[name][""])

    return page(call, sorted(found), str, shown, "CodeSigningConfigs", most=_MOST)


async def list_functions_by_code_signing_config(control: Control, call: Call) -> dict[str, Any]:
    """Lists the functions that use a configuration."""
    key, _ = _existing(control, call)
    return page(call, _users(control, key), str, str, "FunctionArns", most=_MOST)


# of functions


async def put_function_code_signing_config(control: Control, call: Call) -> dict[str, Any]:
    """Has a function's next code checked by a configuration."""
    name, arn = _function(control, call), call.arguments["CodeSigningConfigArn"]
    check_config(control, name.scope, arn)
    await use_config(control, name, arn)
    return {"CodeSigningConfigArn": arn, "FunctionName": name.name}


async def get_function_code_signing_config(control: Control, call: Call) -> dict[str, Any]:
    """Shows which configuration checks a function's code; none where none does."""
    name = _function(control, call)
    found = control.catalog.resources.get(_function_key(name))
    if found is None:
        return {}
    return {"CodeSigningConfigArn": found["arn"], "FunctionName": name.name}


async def delete_function_code_signing_config(control: Control, call: Call) -> dict[str, Any]:
    """Has a function's code checked no more."""
    await control.catalog.resources.change({_function_key(_function(control, call)): None})
    return {}


async def use_config(control: Control, name: FunctionName, arn: str) -> None:
    """Has a function's code checked by the configuration of an ARN from now on."""
    await control.catalog.resources.change({_function_key(name): {"arn": arn}})


def check_config(control: Control, scope: Scope, arn: str) -> Document:
    """Returns the configuration of an ARN.

    Raises:
        ServiceError: there is none such in the account and region.
    """
    found = control.catalog.resources.get(_config_key(scope, arn))
    if found is None or not arn.startswith(scope.arn("lambda", _MARK)):
        raise ServiceError(
            "CodeSigningConfigNotFoundException",
            "The code signing configuration cannot be found. Check that the provided "
            f"configuration is not deleted: {arn}.",
        )
    return found


def check_code(control: Control, name: FunctionName, arn: str = "") -> None:
    """Refuses a function's code, which is never signed, where signatures are enforced.

    `arn` names the configuration of a function that is being created.

    Raises:
        ServiceError: the function's configuration enforces signatures, or is not there.
    """
    if not arn:
        used = control.catalog.resources.get(_function_key(name))
        arn = "" if used is None else used["arn"]
    if not arn:
        return
    policies = check_config(control, name.scope, arn)["CodeSigningPolicies"]
    if policies["UntrustedArtifactOnDeployment"] == "Enforce":
        raise ServiceError("CodeVerificationFailedException", _UNSIGNED)


# the store


def _policies(arguments: Mapping[str, Any]) -> dict[str, str]:
    return {"UntrustedArtifactOnDeployment": "Warn", **arguments.get("CodeSigningPolicies", {})}


def _existing(control: Control, call: Call) -> tuple[Key, Document]:
    arn = call.arguments["CodeSigningConfigArn"]
    key = _config_key(scope_of(call), arn)
    found = control.catalog.resources.get(key)
    if found is None or _arn(key) != arn:
        raise ResourceNotFoundError(
            f"The Lambda code signing configuration {arn} can not be found."
        )
    return key, found


def _users(control: Control, key: Key) -> list[str]:
    """Returns the ARNs of the functions that use a configuration, sorted."""
    used = control.catalog.resources.all(key.scope, Kind.CODE_SIGNING)
    names = sorted(name for name, documents in used.items() if documents[""]["arn"] == _arn(key))
    return [FunctionName(key.scope, name).arn() for name in names]


def _function(control: Control, call: Call) -> FunctionName:
    return control.catalog.existing(function_name(call)).name


def _function_key(name: FunctionName) -> Key:
    return Key(name.scope, Kind.CODE_SIGNING, name.name)


def _config_key(scope: Scope, arn: str) -> Key:
    return Key(scope, Kind.CODE_SIGNING_CONFIG, arn.rpartition(":")[2])


def _arn(key: Key) -> str:
    return key.scope.arn("lambda", f"{_MARK}{key.name}")


def _shown(key: Key, document: Document) -> dict[str, Any]:
    return {"CodeSigningConfigId": key.name, "CodeSigningConfigArn": _arn(key), **document}
