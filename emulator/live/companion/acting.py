"""Keeps for whom the companion's CloudFormation acts while a request is under way.

A stack makes what is the emulator's as its caller, or as the role that the caller has passed
(RoleARN), as on AWS. Whoever verifies rights is the emulator: this says only whom to ask about.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ACTING = "X-Testbed-Acting"
"""Header that has the access key of the caller."""
RIGHTS = "/_testbed/rights"
"""Path at which the emulator tells whether the caller, or the role, has some rights."""
_SOURCE, _ROLE = "X-Testbed-Source", "X-Testbed-Source-Role"
_SESSION = "AWSCloudFormation"
"""Name of the session in which CloudFormation has a role."""
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")
_key: ContextVar[str] = ContextVar("key", default="")
_role: ContextVar[str] = ContextVar("role", default="")


def acts_for(authorization: str) -> None:
    """Takes who has signed the request that this thread serves; a new request replaces that."""
    found = _CREDENTIAL.search(authorization)
    _key.set(found[1] if found else "")
    _role.set("")


@contextmanager
def in_role(arn: str | None) -> Iterator[None]:
    """Acts in a role in the meantime; without one, as the caller."""
    token = _role.set(arn or "")
    try:
        yield
    finally:
        _role.reset(token)


def acting_headers() -> Mapping[str, str]:
    """Returns the headers that tell the emulator whose rights count."""
    if role := _role.get():
        return {_SOURCE: _SESSION, _ROLE: role}
    return {ACTING: key} if (key := _key.get()) else {}
