"""Grants the use of functions, and shows and replaces whole policies of resources.

Sources: the API reference; sentences as in `policy_statements`. Who is let in by a policy is
`api.auth`'s matter, which reads the documents: `document` is the policy, `revision` its RevisionId.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.auth.policy import MalformedPolicyError, read_policy
from emulator.api.control import policy_statements as statements
from emulator.api.control.collaborators import reference, scope_of
from emulator.api.services.calls import ServiceError
from emulator.core.function_names import NameFault, refer
from emulator.core.version_key import LATEST
from emulator.errors import (
    ConstraintError,
    InvalidParameterValueError,
    ResourceConflictError,
    ResourceNotFoundError,
)
from emulator.live.store.function_records import new_revision
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.core.function_names import Reference
    from emulator.live.store.resources import Document, Resources

_LATEST = "We currently do not support adding policies for $LATEST."
_REVISION = (
    "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to "
    "retrieve the latest Revision Id"
)
_URL_AUTH = f"FunctionUrlAuthType is only supported for {statements.URL_ACTION} action"


def permission_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on policies of functions, by name."""
    operations = {
        "AddPermission": add_permission,
        "RemovePermission": remove_permission,
        "GetPolicy": get_policy,
        "PutResourcePolicy": put_resource_policy,
        "GetResourcePolicy": get_resource_policy,
        "DeleteResourcePolicy": delete_resource_policy,
    }
    return {name: partial(operation, control) for name, operation in operations.items()}


# statement by statement


async def add_permission(control: Control, call: Call) -> dict[str, Any]:
    """Adds a statement to a function's policy, or to that of a version or an alias."""
    asked, arguments = _asked(control, reference(call)), call.arguments
    if "FunctionUrlAuthType" in arguments and arguments["Action"] != statements.URL_ACTION:
        raise InvalidParameterValueError(_URL_AUTH)
    statement = statements.function_statement(arguments, asked.arn)
    if statement["Principal"] is None:
        raise InvalidParameterValueError(statements.WRONG_PRINCIPAL)
    await add_statement(
        control, _key(asked), statement, arguments.get("RevisionId"), control.profile.code.policy
    )
    return {"Statement": statements.written(statement)}


async def remove_permission(control: Control, call: Call) -> dict[str, Any]:
    """Takes a statement away."""
    arguments = call.arguments
    key = _key(_asked(control, reference(call)))
    await remove_statement(control, key, arguments["StatementId"], arguments.get("RevisionId"))
    return {}


async def get_policy(control: Control, call: Call) -> dict[str, Any]:
    """Shows a policy."""
    return shown_policy(control.catalog.resources, _key(_asked(control, reference(call))))


async def add_statement(
    control: Control, key: Key, statement: statements.Statement, revision: str | None, most: int
) -> Document:
    """Adds a statement to the policy of a key; returns what is stored.

    Raises:
        ResourceConflictError: the policy has a statement of the name.
        ServiceError: the policy is another one than the caller knows, or becomes too large.
    """
    before = control.catalog.resources.get(key)
    _check_revision(before, revision)
    whole = statements.policy([]) if before is None else before["document"]
    present = whole["Statement"]
    if any(other.get("Sid") == statement["Sid"] for other in present):
        raise ResourceConflictError(statements.exists_already(statement["Sid"]))
    after = {**whole, "Statement": [*present, statement]}
    return await _put(control.catalog.resources, key, after, most)


async def remove_statement(control: Control, key: Key, sid: str, revision: str | None) -> None:
    """Takes a statement out of the policy of a key; without any left there is no policy.

    Raises:
        ResourceNotFoundError: there is no policy, or no such statement.
        ServiceError: the policy is another one than the caller knows.
    """
    resources = control.catalog.resources
    before = _existing(resources, key)
    _check_revision(before, revision)
    present = before["document"]["Statement"]
    left = [statement for statement in present if statement.get("Sid") != sid]
    if len(left) == len(present):
        raise ResourceNotFoundError(statements.not_in_policy(sid))
    after = {"document": before["document"] | {"Statement": left}, "revision": new_revision()}
    await resources.change({key: after if left else None})


def shown_policy(resources: Resources, key: Key) -> dict[str, Any]:
    """Returns the policy of a key and its RevisionId, as answers have both.

    Raises:
        ResourceNotFoundError: there is no policy.
    """
    if key.kind is Kind.POLICY and resources.get(key) is None:
        raise ResourceNotFoundError(statements.NOTHING_TO_SHOW)
    found = _existing(resources, key)
    return {"Policy": statements.written(found["document"]), "RevisionId": found["revision"]}


# as a whole


async def put_resource_policy(control: Control, call: Call) -> dict[str, Any]:
    """Puts a policy in the place of whatever was granted before."""
    key, arguments = _key(_named(control, call)), call.arguments
    resources = control.catalog.resources
    _check_revision(resources.get(key), arguments.get("RevisionId"))
    await _put(resources, key, _read(arguments["Policy"]), control.profile.code.policy)
    return shown_policy(resources, key)


async def get_resource_policy(control: Control, call: Call) -> dict[str, Any]:
    """Shows the policy of an ARN."""
    return shown_policy(control.catalog.resources, _key(_named(control, call)))


async def delete_resource_policy(control: Control, call: Call) -> dict[str, Any]:
    """Takes all away that was granted."""
    key, resources = _key(_named(control, call)), control.catalog.resources
    _check_revision(_existing(resources, key), call.arguments.get("RevisionId"))
    await resources.change({key: None})
    return {}


def _read(text: str) -> dict[str, Any]:
    """Returns a policy that a caller gives; its statements are a list.

    Raises:
        InvalidParameterValueError: IAM would refuse the document.
    """
    try:
        read_policy(text)
    except MalformedPolicyError as error:
        raise InvalidParameterValueError(str(error)) from error
    document: dict[str, Any] = json.loads(text)
    given = document["Statement"]
    return document | {"Statement": given if isinstance(given, list) else [given]}


def _named(control: Control, call: Call) -> Reference:
    """Returns the function, version or alias of an ARN; it exists."""
    arn = call.arguments["ResourceArn"]
    if not arn.startswith("arn:"):
        raise InvalidParameterValueError(f"{arn} is no ARN of a function.")
    try:
        return _asked(control, refer(arn, None, scope_of(call)))
    except NameFault as fault:
        raise ConstraintError(str(fault)) from fault


# the store


def _asked(control: Control, asked: Reference) -> Reference:
    """Returns what is named, if it exists and may have a policy."""
    control.catalog.find(asked)
    if asked.qualifier == LATEST:
        raise InvalidParameterValueError(_LATEST)
    return asked


def _key(asked: Reference) -> Key:
    name = asked.function
    return Key(name.scope, Kind.POLICY, name.name, asked.qualifier)


def _existing(resources: Resources, key: Key) -> Document:
    found = resources.get(key)
    if found is None:
        raise ResourceNotFoundError(statements.NO_POLICY)
    return found


def _check_revision(found: Document | None, wanted: str | None) -> None:
    if wanted and (found is None or found["revision"] != wanted):
        raise ServiceError("PreconditionFailedException", _REVISION, 412)


async def _put(resources: Resources, key: Key, document: dict[str, Any], most: int) -> Document:
    size = len(statements.written(document).encode())
    if size > most:
        raise ServiceError("PolicyLengthExceededException", statements.too_large(size, most), 400)
    stored = {"document": document, "revision": new_revision()}
    await resources.change({key: stored})
    return stored
