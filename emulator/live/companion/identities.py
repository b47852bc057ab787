"""Reads users, roles, keys and policies out of moto, and tells moto of sessions made elsewhere.

Runs in the companion's process. The account's API tells no secret after a key was made, and who
verifies signatures needs them, so they are read where moto keeps them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, sts_backends

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moto.iam.models import Group, IAMBackend, Role, User

KEPT = "kept"
"""Member of sessions that outlive the companion; those of functions end with their sandboxes."""
_PARTITION = "aws"
_REGION = "us-east-1"


def identities() -> dict[str, Any]:
    """Returns every account's users, roles and sessions with their keys and policies, as JSON."""
    accounts = set(iam_backends) | set(sts_backends)
    return {account: _account(account) for account in sorted(accounts)}


def add_session(described: dict[str, Any]) -> None:
    """Makes a session known under its key, secret and token; a second time changes nothing."""
    account = described["account"]
    sessions = sts_backends[account][_PARTITION]
    if sessions.get_assumed_role_from_access_key(described["key"]) is not None:
        return
    keys = iam_backends[account][_PARTITION].access_keys
    key = iam_backends[account][_PARTITION].create_temp_access_key()
    keys[described["key"]] = keys.pop(key.access_key_id)
    key.access_key_id, key.secret_access_key = described["key"], described["secret"]
    key.role_arn = described["role_arn"]
    session = AssumedRole(
        account_id=account,
        region_name=_REGION,
        access_key=key,
        role_session_name=described["name"],
        role_arn=described["role_arn"],
        policy=described.get("policy") or "",
        duration=0,
        external_id="",
    )
    session.session_token = described["token"]
    session.expiration = datetime.fromtimestamp(described["expires"], UTC).replace(tzinfo=None)
    setattr(session, KEPT, described.get(KEPT, False))
    sessions.assumed_roles.append(session)


def _account(account: str) -> dict[str, Any]:
    iam = iam_backends[account][_PARTITION]
    return {
        "users": [_user(user, iam) for user in iam.users.values()],
        "roles": [_role(role, iam) for role in iam.roles.values()],
        "sessions": [
            described_session(each) for each in sts_backends[account][_PARTITION].assumed_roles
        ],
    }


def _user(user: User, iam: IAMBackend) -> dict[str, Any]:
    groups = [group for group in iam.groups.values() if user in group.users]
    boundary = getattr(user, "permissions_boundary_arn", None)
    return {
        "arn": user.arn,
        "name": user.name,
        "id": user.id,
        "tags": _tags(user.tags),
        "policies": _documents((user, *groups)),
        "boundary": _managed(iam, boundary),
        "keys": [
            {"key": key.access_key_id, "secret": key.secret_access_key}
            for key in user.access_keys
            if key.status == "Active"
        ],
    }


def _role(role: Role, iam: IAMBackend) -> dict[str, Any]:
    return {
        "arn": role.arn,
        "name": role.name,
        "id": role.id,
        "tags": _tags(role.tags),
        "trust": role.assume_role_policy_document,
        "policies": _documents((role,)),
        "boundary": _managed(iam, role.permissions_boundary_arn),
    }


def described_session(session: AssumedRole) -> dict[str, Any]:
    """Returns what must be known of a session, which `add_session` takes beside its account."""
    return {
        "key": session.access_key_id,
        "secret": session.secret_access_key,
        "token": session.session_token,
        "expires": session.expiration.replace(tzinfo=UTC).timestamp(),
        "role_arn": session.role_arn,
        "name": session.session_name,
        "policy": session.policy or None,
    }


def _documents(holders: Iterable[User | Role | Group]) -> list[str]:
    """Returns the documents of inline policies, and the default versions of attached ones."""
    found: list[str] = []
    for holder in holders:
        found += holder.policies.values()
        found += [_default(policy) for policy in holder.managed_policies.values()]
    return found


def _managed(iam: IAMBackend, arn: str | None) -> str | None:
    """Returns a managed policy's document; one that is gone allows nothing."""
    if not arn:
        return None
    policy = iam.managed_policies.get(arn)
    return '{"Version": "2012-10-17", "Statement": []}' if policy is None else _default(policy)


def _default(policy: Any) -> str:
    return next(str(version.document) for version in policy.versions if version.is_default)


def _tags(tags: list[dict[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or []}
