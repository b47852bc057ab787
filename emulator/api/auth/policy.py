"""Reads policy documents of IAM into statements. Pure.

Source: the IAM user guide, "IAM JSON policy elements reference". What a document says is read as
strictly as IAM reads it: a policy that is half understood would allow what it was to forbid.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from emulator.api.auth.conditions import Condition, read_conditions

VARIABLES_SINCE = "2012-10-17"
"""Version of the policy language that has variables; `${…}` is plain text before."""
_VERSIONS = ("2008-10-17", VARIABLES_SINCE)
_ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
PRINCIPAL_TYPES = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})


class MalformedPolicyError(ValueError):
    """Means that a document is no policy; the message says why."""


class Effect(Enum):
    """Names what a statement does with a request that it covers."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True)
class Selection:
    """Holds the patterns of an element, and whether it selects what they do not match."""

    patterns: tuple[str, ...]
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class PrincipalSelection:
    """Holds pairs of a principal's type and name; `("AWS", "*")` is everyone."""

    pairs: tuple[tuple[str, str], ...]
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """Holds one statement of a policy."""

    effect: Effect
    actions: Selection
    resources: Selection | None
    """None where a policy's place says the resource, as a role's trust policy does."""
    principals: PrincipalSelection | None
    """None in policies of identities."""
    conditions: tuple[Condition, ...]
    sid: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Holds the statements of one document."""

    statements: tuple[Statement, ...]
    has_variables: bool = True
    """Whether `${…}` in its patterns is replaced by values of the request."""


def read_policy(document: str | dict[str, Any]) -> Policy:
    """Returns the policy that a document holds.

    Raises:
        MalformedPolicyError: IAM would refuse the document.
    """
    value = _json(document) if isinstance(document, str) else document
    if not isinstance(value, dict) or "Statement" not in value:
        raise MalformedPolicyError("Syntax errors in policy: a Statement is required.")
    version = value.get("Version", _VERSIONS[0])
    if version not in _VERSIONS:
        raise MalformedPolicyError(f"The policy version {version!r} is not valid.")
    if unknown := set(value) - {"Version", "Id", "Statement"}:
        raise MalformedPolicyError(f"Syntax errors in policy: unknown {', '.join(unknown)}.")
    statements = value["Statement"]
    listed = statements if isinstance(statements, list) else [statements]
    return Policy(tuple(_statement(each) for each in listed), version == VARIABLES_SINCE)


def _json(document: str) -> Any:
    try:
        return json.loads(document)
    except ValueError as error:
        raise MalformedPolicyError(f"The policy is not in the valid JSON format: {error}") from None


def _statement(value: Any) -> Statement:
    if not isinstance(value, dict) or set(value) - _ELEMENTS:
        raise MalformedPolicyError("Syntax errors in policy: a statement has unknown elements.")
    try:
        effect = Effect(value.get("Effect"))
    except ValueError:
        raise MalformedPolicyError(f"Invalid effect: {value.get('Effect')!r}.") from None
    actions = _selection(value, "Action")
    if actions is None:
        raise MalformedPolicyError("Policy statement must contain actions.")
    try:
        conditions = read_conditions(value.get("Condition", {}))
    except ValueError as error:
        raise MalformedPolicyError(str(error)) from None
    return Statement(
        effect,
        actions,
        _selection(value, "Resource"),
        _principals(value),
        conditions,
        str(value.get("Sid", "")),
    )


def _selection(value: dict[str, Any], element: str) -> Selection | None:
    """Returns what an element and its opposite select; None where neither stands there."""
    inverted = f"Not{element}" in value
    if inverted and element in value:
        raise MalformedPolicyError(f"A statement has both {element} and Not{element}.")
    if not inverted and element not in value:
        return None
    return Selection(_texts(value[f"Not{element}" if inverted else element]), inverted)


def _principals(value: dict[str, Any]) -> PrincipalSelection | None:
    inverted = "NotPrincipal" in value
    if inverted and "Principal" in value:
        raise MalformedPolicyError("A statement has both Principal and NotPrincipal.")
    stated = value.get("NotPrincipal" if inverted else "Principal")
    if stated is None:
        return None
    if stated == "*":
        return PrincipalSelection((("AWS", "*"),), inverted)
    if not isinstance(stated, dict) or set(stated) - PRINCIPAL_TYPES:
        raise MalformedPolicyError("Invalid principal in policy.")
    pairs = tuple((kind, name) for kind, names in stated.items() for name in _texts(names))
    return PrincipalSelection(pairs, inverted)


def _texts(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in listed):
        raise MalformedPolicyError("Syntax errors in policy: a text was expected.")
    return tuple(listed)
