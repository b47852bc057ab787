"""Has roles and users of stacks all that their template says of rights.

Moto leaves out attached policies and groups, and changes nothing of them later: a function of a
stack would lack rights under `--auth strict`, or keep those that a change took away.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from moto.iam.models import Role, User, iam_backends

if TYPE_CHECKING:
    from moto.iam.models import IAMBackend

_PARTITION = "aws"


def give_stated_rights() -> None:
    """Replaces how moto makes and changes roles and users of a template; once in a process."""
    for model in (Role, User):
        _give_at_once(model)
        _give_later(model)
        _take_at_last(model)


def _give_at_once(model: type[Role | User]) -> None:
    make = model.create_from_cloudformation_json

    def made(
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **more: Any,
    ) -> Any:
        thing = make(resource_name, cloudformation_json, account_id, region_name, **more)
        _give(thing, cloudformation_json.get("Properties") or {}, iam_backends[account_id])
        return thing

    model.create_from_cloudformation_json = staticmethod(made)  # type: ignore[method-assign]


def _give_later(model: type[Role | User]) -> None:
    def changed(
        original_resource: Any,
        new_resource_name: str,  # noqa: ARG001  # by name
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,  # noqa: ARG001  # by name
    ) -> Any:
        _give(original_resource, cloudformation_json["Properties"], iam_backends[account_id])
        return original_resource

    model.update_from_cloudformation_json = staticmethod(changed)  # type: ignore[method-assign]


def _take_at_last(model: type[Role | User]) -> None:
    """Has CloudFormation take from a role or user what the service would refuse to delete."""
    delete = model.delete_from_cloudformation_json

    def deleted(
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> None:
        iam = iam_backends[account_id][_PARTITION]
        things = iam.users.values() if model is User else iam.roles.values()
        for thing in [thing for thing in things if thing.name == resource_name]:
            for policy in list(thing.managed_policies.values()):
                policy.detach_from(thing)
            if isinstance(thing, User):
                thing.policies.clear()
                for group in iam.get_groups_for_user(thing.name):
                    group.users.remove(thing)
        delete(resource_name, cloudformation_json, account_id, region_name)

    model.delete_from_cloudformation_json = staticmethod(deleted)  # type: ignore[method-assign]


def _give(thing: Role | User, stated: dict[str, Any], backends: Any) -> None:
    """Gives a role or user just the rights that a template states."""
    iam: IAMBackend = backends[_PARTITION]
    wanted = {
        each["PolicyName"]: _text(each["PolicyDocument"]) for each in stated.get("Policies") or ()
    }
    apart = _of_policies_apart(iam, thing)
    thing.policies = {
        **{name: text for name, text in thing.policies.items() if name in apart},
        **wanted,
    }
    arns = stated.get("ManagedPolicyArns") or ()
    for arn in [arn for arn in thing.managed_policies if arn not in arns]:
        thing.managed_policies[arn].detach_from(thing)
    for arn in [arn for arn in arns if arn not in thing.managed_policies]:
        iam.get_policy(arn).attach_to(thing)
    if isinstance(thing, User):
        for group in stated.get("Groups") or ():
            iam.add_user_to_group(group, thing.name)
        return
    thing.permissions_boundary_arn = stated.get("PermissionsBoundary") or None
    if "AssumeRolePolicyDocument" in stated:
        thing.assume_role_policy_document = _text(stated["AssumeRolePolicyDocument"])
    thing.description = stated.get("Description", "")
    thing.max_session_duration = stated.get("MaxSessionDuration", 3600)


def _of_policies_apart(iam: IAMBackend, thing: Role | User) -> set[str]:
    """Returns the names of inline policies that are resources of their own (AWS::IAM::Policy)."""
    member = "user_names" if isinstance(thing, User) else "role_names"
    return {
        policy.policy_name
        for policy in iam.inline_policies.values()
        if thing.name in (getattr(policy, member) or ())
    }


def _text(document: Any) -> str:
    """Returns a document as text; YAML makes a date of its Version."""
    if isinstance(document, str):
        return document
    return json.dumps(
        document, default=lambda one: one.isoformat() if isinstance(one, dt.date) else str(one)
    )
