"""Decides whether a request is allowed, from all policies that have a say. Pure.

Source: the IAM user guide, "Policy evaluation logic", with its pages on requests within an account
and across accounts, and "Troubleshoot access denied error messages" for the sentence. Policies of
an organization do not exist here.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # a dataclass's field
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from emulator.api.auth.conditions import holds
from emulator.api.auth.patterns import action_matches, arn_matches, substituted
from emulator.api.auth.policy import Effect, Policy, Selection, Statement
from emulator.api.auth.principals import Caller, Grant, Kind, grant_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class PolicyType(Enum):
    """Names the policies that have a say, as AWS's sentences name them."""

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"


@dataclass(frozen=True, slots=True)
class Request:
    """Holds who wants to do what, to what."""

    caller: Caller
    action: str
    """`lambda:InvokeFunction`."""
    resource: str
    """ARN, or `*` for an action without a resource."""
    account: str
    """Account that owns the resource."""
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values by condition key, in lower case."""


@dataclass(frozen=True, slots=True)
class Policies:
    """Holds the policies that have a say in a request; None is not the same as an empty one."""

    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    resource: Policy | None = None
    resource_decides: bool = False
    """Whether callers of the account too need the resource's policy, as they do a role's trust."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Holds the outcome, and for a refusal the policies that are to blame."""

    allowed: bool
    blame: PolicyType = PolicyType.IDENTITY
    explicit: bool = False
    """Whether a Deny decided."""


ALLOWED = Decision(allowed=True)


def evaluate(request: Request, policies: Policies) -> Decision:
    """Decides: an explicit deny first, then what the resource grants, then what the caller has."""
    for kind, policy in _all(policies):
        if _applies(Effect.DENY, policy, request):
            return Decision(allowed=False, blame=kind, explicit=True)
    grant = _granted(policies.resource, request)
    caller = request.caller
    if caller.kind in (Kind.SERVICE, Kind.ANONYMOUS):
        return ALLOWED if grant is Grant.DIRECT else _implicit(PolicyType.RESOURCE)
    foreign = caller.account != request.account
    if grant is Grant.NONE and (foreign or policies.resource_decides):
        return _implicit(PolicyType.RESOURCE)
    return _own(request, policies) if foreign else _within_account(grant, request, policies)


def _within_account(grant: Grant, request: Request, policies: Policies) -> Decision:
    if grant is Grant.DIRECT or request.caller.kind is Kind.ROOT:
        return ALLOWED
    return _limited(request, policies) if grant is Grant.ROLE else _own(request, policies)


_TELLS_EVERY_RESOURCE = "lambda:"
"""Lambda's refusals say `on resource: *`; CloudWatch's and S3's name no resource there."""


def sentence(request: Request, decision: Decision) -> str:
    """Returns AWS's sentence for a refusal."""
    subject = request.caller.arn or "anonymous"
    what = f"User: {subject} is not authorized to perform: {request.action}"
    if request.resource != "*" or request.action.startswith(_TELLS_EVERY_RESOURCE):
        what += f" on resource: {request.resource}"
    blame = decision.blame.value
    if decision.explicit:
        article = "an" if blame[0] in "aeiou" else "a"
        return f"{what} with an explicit deny in {article} {blame}"
    return f"{what} because no {blame} allows the {request.action} action"


def _implicit(blame: PolicyType) -> Decision:
    return Decision(allowed=False, blame=blame)


def _all(policies: Policies) -> Iterator[tuple[PolicyType, Policy]]:
    if policies.resource is not None:
        yield PolicyType.RESOURCE, policies.resource
    for policy in policies.identity:
        yield PolicyType.IDENTITY, policy
    if policies.boundary is not None:
        yield PolicyType.BOUNDARY, policies.boundary
    for policy in policies.session or ():
        yield PolicyType.SESSION, policy


def _own(request: Request, policies: Policies) -> Decision:
    """Decides by the caller's own policies and their limits."""
    if request.caller.kind is not Kind.ROOT and not any(
        _applies(Effect.ALLOW, policy, request) for policy in policies.identity
    ):
        return _implicit(PolicyType.IDENTITY)
    return _limited(request, policies)


def _limited(request: Request, policies: Policies) -> Decision:
    """Decides by what limits a caller who is allowed."""
    boundary, session = policies.boundary, policies.session
    if boundary is not None and not _applies(Effect.ALLOW, boundary, request):
        return _implicit(PolicyType.BOUNDARY)
    if session is not None and not any(
        _applies(Effect.ALLOW, policy, request) for policy in session
    ):
        return _implicit(PolicyType.SESSION)
    return ALLOWED


def _granted(policy: Policy | None, request: Request) -> Grant:
    """Returns the most direct grant that a resource's policy makes."""
    if policy is None:
        return Grant.NONE
    grants = (
        grant_of(statement.principals, request.caller)
        for statement in policy.statements
        if statement.principals is not None and _fits(Effect.ALLOW, statement, policy, request)
    )
    return max(grants, default=Grant.NONE)


def _applies(effect: Effect, policy: Policy, request: Request) -> bool:
    return any(
        _fits(effect, statement, policy, request) and _is_for(statement, request.caller)
        for statement in policy.statements
    )


def _is_for(statement: Statement, caller: Caller) -> bool:
    principals = statement.principals
    return principals is None or grant_of(principals, caller) is not Grant.NONE


def _fits(effect: Effect, statement: Statement, policy: Policy, request: Request) -> bool:
    """Returns whether a statement is about the request, whoever makes it."""
    return (
        statement.effect is effect
        and _selects_action(statement.actions, request.action)
        and _selects_resource(statement.resources, policy, request)
        and all(
            holds(condition, request.context, variables=policy.has_variables)
            for condition in statement.conditions
        )
    )


def _selects_action(selection: Selection, action: str) -> bool:
    found = any(pattern == "*" or action_matches(pattern, action) for pattern in selection.patterns)
    return found != selection.inverted


def _selects_resource(selection: Selection | None, policy: Policy, request: Request) -> bool:
    if selection is None:
        return True
    return any(_is_resource(each, policy, request) for each in selection.patterns) != (
        selection.inverted
    )


def _is_resource(pattern: str, policy: Policy, request: Request) -> bool:
    def value_of(key: str) -> str | None:
        found = request.context.get(key.lower())
        return found[0] if found and len(found) == 1 else None

    replaced = substituted(pattern, value_of) if policy.has_variables else pattern
    return replaced is not None and (replaced == "*" or arn_matches(replaced, request.resource))
