"""Says who calls, and which principals of policies a caller is. Pure.

Source: the IAM user guide, "AWS JSON policy elements: Principal" and "Determining whether a request
is allowed or denied within an account".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.auth.policy import PrincipalSelection


class Kind(Enum):
    """Names the kinds of callers."""

    ROOT = "Account"
    USER = "User"
    ROLE = "AssumedRole"
    """A session of a role."""
    SERVICE = "Service"
    ANONYMOUS = "Anonymous"


@dataclass(frozen=True, slots=True)
class Caller:
    """Holds who makes a request."""

    kind: Kind
    arn: str
    """The ARN in messages: a session's for a role; a service's name; empty for nobody."""
    account: str = ""
    name: str = ""
    """Name of the user, or of the session."""
    unique_id: str = ""
    role_arn: str = ""
    """ARN of the role that the session is of."""
    tags: Mapping[str, str] = field(default_factory=dict)
    access_key: str = ""

    @property
    def principal_arn(self) -> str:
        """Returns the ARN that `aws:PrincipalArn` has: a role's, not its session's."""
        return self.role_arn or self.arn


ANONYMOUS = Caller(Kind.ANONYMOUS, "")


class Grant(IntEnum):
    """Orders the ways in which a principal of a policy is the caller."""

    NONE = 0
    ACCOUNT = 1
    """The caller's account: that lets the account's own policies decide."""
    ROLE = 2
    """The role of the session, or everyone: a boundary and a session policy still limit it."""
    DIRECT = 3
    """The user or the session itself."""


def grant_of(selection: PrincipalSelection, caller: Caller) -> Grant:
    """Returns the most direct way in which principals are the caller."""
    found = max((_grant(kind, name, caller) for kind, name in selection.pairs), default=Grant.NONE)
    if not selection.inverted:
        return found
    return Grant.ROLE if found is Grant.NONE else Grant.NONE


def service(name: str) -> Caller:
    """Returns a service of AWS's as a caller, such as `s3.amazonaws.com`."""
    return Caller(Kind.SERVICE, name)


def _grant(kind: str, name: str, caller: Caller) -> Grant:
    if (kind, name) == ("AWS", "*"):
        limited = caller.kind in (Kind.USER, Kind.ROLE)
        return Grant.ROLE if limited else Grant.DIRECT
    if kind == "Service":
        return Grant.DIRECT if caller.kind is Kind.SERVICE and name == caller.arn else Grant.NONE
    return _grant_to_identity(name, caller) if kind == "AWS" and caller.account else Grant.NONE


def _grant_to_identity(name: str, caller: Caller) -> Grant:
    if name in (caller.account, f"arn:aws:iam::{caller.account}:root"):
        return Grant.DIRECT if caller.kind is Kind.ROOT else Grant.ACCOUNT
    if name in (caller.arn, caller.unique_id):
        return Grant.DIRECT
    return Grant.ROLE if caller.role_arn and name == caller.role_arn else Grant.NONE
