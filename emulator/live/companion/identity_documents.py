"""Writes what moto knows of IAM as a document, and has moto know what a document says.

Runs in the companion's process. A thing of moto's is made by moto's own methods and then given the
plain values that it had (ids, dates, inline policies, secrets), so that a document outlives a
change of what moto keeps beside these. Written are users with their keys, groups, roles, instance
profiles, policies of the account, its aliases, and sessions; not written are passwords' rules, MFA
devices, certificates, SSH keys and identity providers.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moto.iam.models import (
    AccessKey,
    AWSManagedPolicy,
    ManagedPolicy,
    PolicyVersion,
    iam_backends,
)
from moto.sts.models import sts_backends

from emulator.live.companion.identities import KEPT, add_session, described_session

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from moto.iam.models import Group, IAMBackend, Role, User

PARTITION = "aws"
_REGION = "us-east-1"
_TIME = "$time"
"""The member of a moment, which JSON does not have."""
_PLAIN = (str, int, float, bool, type(None), datetime)


def identity_documents(made_by_stacks: Collection[int] = ()) -> dict[str, Any]:
    """Returns every account's document; `made_by_stacks` has the `id` of things that stacks own."""
    accounts = sorted(set(iam_backends) | set(sts_backends))
    return {account: _account(account, made_by_stacks) for account in accounts}


def know(account: str, document: dict[str, Any]) -> None:
    """Has moto know what an account's document says; moto knows nothing of the account before."""
    iam = iam_backends[account][PARTITION]
    for kind in (_know_policy, _know_user, _know_group, _know_role, _know_profile):
        for each in document[_MEMBERS[kind]]:
            kind(iam, each)
    iam.account_aliases = list(document["aliases"])
    now = time.time()
    for session in document["sessions"]:
        if session["expires"] > now:
            add_session({**session, "account": account, KEPT: True})


def things(iam: IAMBackend) -> Iterator[tuple[str, str, Any]]:
    """Yields everything that an account's document has, with its member and its name."""
    for policy in list(iam.managed_policies.values()):
        if not isinstance(policy, AWSManagedPolicy):
            yield "policies", policy.name, policy
    for user in list(iam.users.values()):
        yield "users", user.name, user
    for group in list(iam.groups.values()):
        yield "groups", group.name, group
    for role in list(iam.roles.values()):
        yield "roles", role.name, role
    for profile in list(iam.instance_profiles.values()):
        yield "profiles", profile.name, profile


def _account(account: str, made_by_stacks: Collection[int]) -> dict[str, Any]:
    iam = iam_backends[account][PARTITION]
    document: dict[str, Any] = {member: [] for member in _MEMBERS.values()}
    for member, _, thing in things(iam):
        written = {**_plain(thing), **_REFERENCES[member](thing)}
        document[member].append({**written, "of_stack": id(thing) in made_by_stacks})
    sessions = [
        described_session(session)
        for session in list(sts_backends[account][PARTITION].assumed_roles)
        if getattr(session, KEPT, True)
    ]
    return {**document, "aliases": list(iam.account_aliases), "sessions": sessions}


# what things refer to


def _of_policy(policy: ManagedPolicy) -> dict[str, Any]:
    return {"versions": [_plain(version) for version in policy.versions]}


def _of_user(user: User) -> dict[str, Any]:
    keys = [_plain(key) for key in user.access_keys]
    return {"attached": list(user.managed_policies), "access_keys": keys, "tags": user.tags or []}


def _of_group(group: Group) -> dict[str, Any]:
    members = [user.name for user in group.users]
    return {"attached": list(group.managed_policies), "users": members}


def _of_role(role: Role) -> dict[str, Any]:
    return {"attached": list(role.managed_policies)}


def _of_profile(profile: Any) -> dict[str, Any]:
    return {"roles": [role.name for role in profile.roles]}


_REFERENCES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "policies": _of_policy,
    "users": _of_user,
    "groups": _of_group,
    "roles": _of_role,
    "profiles": _of_profile,
}


# from a document


def _know_policy(iam: IAMBackend, written: dict[str, Any]) -> None:
    # not `create_policy`: its check would refuse what a stack has made without one
    name, path = written["name"], written["path"]
    policy = ManagedPolicy(name, iam.account_id, iam.region_name, path=path)  # type: ignore[abstract]
    iam.managed_policies[policy.arn] = policy
    policy.versions = [_version(policy, each) for each in written["versions"]]
    # counted again as it is attached
    _give(policy, {**written, "versions": policy.versions, "attachment_count": 0})


def _version(policy: ManagedPolicy, written: dict[str, Any]) -> PolicyVersion:
    version = PolicyVersion(policy.arn, written["document"])
    _give(version, written)
    return version


def _know_user(iam: IAMBackend, written: dict[str, Any]) -> None:
    user = iam.create_user(_REGION, written["name"], written["path"], written["tags"])
    _give(user, written, left_out=("access_keys", "managed_policies"))
    for each in written["access_keys"]:
        key = AccessKey(user.name, "AKIA", iam.account_id)  # type: ignore[abstract]
        _give(key, each)
        user.access_keys.append(key)
        iam.access_keys[key.access_key_id] = key
    _attach(iam, user, written)


def _know_group(iam: IAMBackend, written: dict[str, Any]) -> None:
    group = iam.create_group(written["name"], written["path"])
    _give(group, written, left_out=("users", "managed_policies"))
    group.users = [iam.users[name] for name in written["users"] if name in iam.users]
    _attach(iam, group, written)


def _know_role(iam: IAMBackend, written: dict[str, Any]) -> None:
    role = iam.create_role(
        role_name=written["name"],
        assume_role_policy_document=written["assume_role_policy_document"],
        path=written["path"],
        permissions_boundary=None,
        description=written["description"],
        tags=[],
        max_session_duration=written["max_session_duration"],
        linked_service=written["_linked_service"],
    )
    del iam.roles[role.id]  # which are found by their ids
    _give(role, written, left_out=("managed_policies",))
    iam.roles[role.id] = role
    _attach(iam, role, written)


def _know_profile(iam: IAMBackend, written: dict[str, Any]) -> None:
    names = {role.name for role in iam.roles.values()}
    roles = [name for name in written["roles"] if name in names]
    profile = iam.create_instance_profile(written["name"], written["path"], roles)
    _give(profile, written, left_out=("roles",))


_MEMBERS: dict[Callable[[IAMBackend, dict[str, Any]], None], str] = {
    _know_policy: "policies",
    _know_user: "users",
    _know_group: "groups",
    _know_role: "roles",
    _know_profile: "profiles",
}


def _attach(iam: IAMBackend, holder: User | Group | Role, written: dict[str, Any]) -> None:
    for arn in written["attached"]:
        policy = iam.managed_policies.get(arn)
        if policy is not None:
            policy.attach_to(holder)


def _plain(thing: Any) -> dict[str, Any]:
    """Returns the values of a thing that stand for themselves, as JSON has them."""
    return {name: _written(value) for name, value in vars(thing).items() if _is_plain(value)}


def _give(thing: Any, written: dict[str, Any], left_out: Collection[str] = ()) -> None:
    """Gives a thing the values that were written, as far as it has such."""
    for name in vars(thing).keys() & written.keys() - set(left_out):
        setattr(thing, name, _read(written[name]))


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(one) for name, one in list(value.items()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _written(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_written(one) for one in value]
    return {_TIME: value.isoformat()} if isinstance(value, datetime) else value


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_TIME}:
            return datetime.fromisoformat(value[_TIME])
        return {name: _read(one) for name, one in value.items()}
    return [_read(one) for one in value] if isinstance(value, list) else value
