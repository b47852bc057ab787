"""Reads what the companion tells of users, roles and sessions into callers and policies. Pure.

Names and ARNs of callers are those of `sts get-caller-identity`. A policy that cannot be understood
denies everything, since to pass over it would allow what it forbids.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from emulator.api.auth.patterns import account_of
from emulator.api.auth.policy import MalformedPolicyError, Policy, read_policy
from emulator.api.auth.principals import Caller, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger(__name__)

_DENY_ALL = read_policy(
    {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Holds what is known of an access key: its secret, whose it is, and that caller's policies."""

    secret: str = field(repr=False)
    caller: Caller
    policies: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    token: str = field(default="", repr=False)
    """Session token; empty for keys that need none."""
    expires: float | None = None
    """Seconds of the epoch; None: never."""
    function_arn: str = ""
    """ARN of the function whose code has the key."""


@dataclass(frozen=True, slots=True)
class Role:
    """Holds a role: who may assume it, and what its sessions may do."""

    arn: str
    name: str
    unique_id: str
    trust: Policy
    policies: tuple[Policy, ...]
    boundary: Policy | None
    tags: Mapping[str, str]

    def caller(self, session: str, key: str) -> Caller:
        return _session_caller(self.arn, self.unique_id, session, key, self.tags)


class Directory:
    """Finds identities by access key, and roles by ARN."""

    def __init__(self, accounts: Mapping[str, Any]) -> None:
        """Takes what the companion tells, by account."""
        self._roles = {
            described["arn"]: _role(described)
            for account in accounts.values()
            for described in account["roles"]
        }
        self._identities = {
            key: identity
            for account, told in accounts.items()
            for key, identity in self._all(account, told)
        }

    def find(self, access_key: str) -> Identity | None:
        """Returns whose an access key is; None for keys that nobody has."""
        return self._identities.get(access_key)

    def role(self, arn: str) -> Role | None:
        return self._roles.get(arn)

    def session(self, described: Mapping[str, Any], *, function_arn: str = "") -> Identity:
        """Returns the identity of a role's session; a role that is gone may do nothing."""
        arn, name, key = described["role_arn"], described["name"], described["key"]
        role = self._roles.get(arn)
        policy = described.get("policy")
        return Identity(
            described["secret"],
            _session_caller(arn, "", name, key, {}) if role is None else role.caller(name, key),
            () if role is None else role.policies,
            None if role is None else role.boundary,
            None if policy is None else (believed(policy),),
            described["token"],
            described["expires"],
            function_arn,
        )

    def _all(self, account: str, told: Mapping[str, Any]) -> Iterator[tuple[str, Identity]]:
        for described in told["users"]:
            for key in described["keys"]:
                yield key["key"], _user(account, described, key)
        for described in told["sessions"]:
            yield described["key"], self.session(described)


def root(account: str, key: str, secret: str) -> Identity:
    """Returns the account's root user, who has every right."""
    caller = Caller(
        Kind.ROOT, f"arn:aws:iam::{account}:root", account, unique_id=account, access_key=key
    )
    return Identity(secret, caller)


def _user(account: str, described: Mapping[str, Any], key: Mapping[str, str]) -> Identity:
    caller = Caller(
        Kind.USER,
        described["arn"],
        account,
        described["name"],
        described["id"],
        tags=described["tags"],
        access_key=key["key"],
    )
    boundary = described["boundary"]
    return Identity(
        key["secret"],
        caller,
        tuple(map(believed, described["policies"])),
        None if boundary is None else believed(boundary),
    )


def _role(described: Mapping[str, Any]) -> Role:
    boundary = described["boundary"]
    return Role(
        described["arn"],
        described["name"],
        described["id"],
        believed(described["trust"]),
        tuple(map(believed, described["policies"])),
        None if boundary is None else believed(boundary),
        described["tags"],
    )


def _session_caller(
    arn: str, unique_id: str, session: str, key: str, tags: Mapping[str, str]
) -> Caller:
    account, name = account_of(arn), arn.rpartition("/")[2]
    return Caller(
        Kind.ROLE,
        f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        account,
        session,
        f"{unique_id}:{session}",
        role_arn=arn,
        tags=tags,
        access_key=key,
    )


@lru_cache(maxsize=4096)
def believed(document: str) -> Policy:
    """Returns the policy that a document holds; one that cannot be understood denies everything."""
    try:
        return read_policy(document)
    except MalformedPolicyError as error:
        log.warning("a policy denies everything, as it cannot be understood: %s", error)
        return _DENY_ALL
