"""Writes resource policies and their statements, as Lambda makes them of a permission. Pure.

Sources: the developer guide's "Using resource-based policies for Lambda", which shows the document;
the API reference (AddPermission, AddLayerVersionPermission); sentences of refusals as AWS answers,
quoted in public issues (trust M).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Statement: TypeAlias = "dict[str, Any]"

_VERSION = "2012-10-17"
_ID = "default"
_ACCOUNT = re.compile(r"\d{12}")
_IDENTITY = re.compile(r"arn:aws[\w-]*:(?:iam|sts)::\d{12}:.+")
_SERVICE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_CONDITIONS = (
    ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
    ("SourceArn", "ArnLike", "AWS:SourceArn"),
    ("EventSourceToken", "StringEquals", "lambda:EventSourceToken"),
    ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
    ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
)
"""Members of AddPermission with the operators and keys of their conditions."""
URL_ACTION = "lambda:InvokeFunctionUrl"

WRONG_PRINCIPAL = "The provided principal was invalid. Please check the principal and try again."
NO_POLICY = "No policy is associated with the given resource."
NOTHING_TO_SHOW = "The resource you requested does not exist."
"""What GetPolicy says of a function without one (SAM's issue 307, prowler's pull request 1732)."""


def function_statement(arguments: Mapping[str, Any], resource: str) -> Statement:
    """Returns the statement of an AddPermission; empty Principal where that cannot be."""
    statement = _statement(arguments, resource)
    if conditions := _conditions(arguments):
        statement["Condition"] = conditions
    return statement


def layer_statement(arguments: Mapping[str, Any], resource: str) -> Statement:
    """Returns the statement of an AddLayerVersionPermission."""
    statement = _statement(arguments, resource)
    if organization := arguments.get("OrganizationId"):
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": organization}}
    return statement


def _statement(arguments: Mapping[str, Any], resource: str) -> Statement:
    return {
        "Sid": arguments["StatementId"],
        "Effect": "Allow",
        "Principal": principal(arguments["Principal"]),
        "Action": arguments["Action"],
        "Resource": resource,
    }


def principal(named: str) -> str | dict[str, str] | None:
    """Returns the principal that a permission names; None where there can be none such."""
    if named == "*":
        return named
    if _ACCOUNT.fullmatch(named):
        return {"AWS": f"arn:aws:iam::{named}:root"}
    if _IDENTITY.fullmatch(named):
        return {"AWS": named}
    return {"Service": named} if _SERVICE.fullmatch(named) else None


def _conditions(arguments: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for member, operator, key in _CONDITIONS:
        if member in arguments:
            found.setdefault(operator, {})[key] = arguments[member]
    if "InvokedViaFunctionUrl" in arguments:
        value = str(arguments["InvokedViaFunctionUrl"]).lower()
        found["Bool"] = {"lambda:InvokedViaFunctionUrl": value}
    return found


def policy(statements: Iterable[Statement]) -> dict[str, Any]:
    """Returns the document that has statements."""
    return {"Version": _VERSION, "Id": _ID, "Statement": list(statements)}


def written(document: Mapping[str, Any]) -> str:
    """Returns a document or a statement as answers have it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def exists_already(sid: str) -> str:
    """Writes AWS's sentence on a statement id that is taken."""
    return (
        f"The statement id ({sid}) provided already exists. Please provide a new statement id, or "
        "remove the existing statement."
    )


def not_in_policy(sid: str) -> str:
    """Writes AWS's sentence on a statement id that no statement has."""
    return f"Statement {sid} is not found in resource policy."


def too_large(size: int, most: int) -> str:
    """Writes AWS's sentence on a policy above the limit; both sizes in bytes."""
    return f"The final policy size ({size}) is bigger than the limit ({most})."
