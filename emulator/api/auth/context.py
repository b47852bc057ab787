"""Makes the values of a request that conditions of policies compare. Pure.

Source: the IAM user guide, "AWS global condition context keys".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emulator.api.auth.principals import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

    from emulator.api.auth.principals import Caller

Values = dict[str, tuple[str, ...]]


def caller_context(caller: Caller) -> Values:
    """Returns the keys that say who calls."""
    found: Values = {}
    if caller.kind is Kind.SERVICE:
        return {"aws:principalservicename": (caller.arn,), "aws:principalisawsservice": ("true",)}
    if caller.kind is Kind.ANONYMOUS:
        return {"aws:principaltype": (caller.kind.value,), "aws:principalisawsservice": ("false",)}
    found["aws:principalarn"] = (caller.principal_arn,)
    found["aws:principalaccount"] = (caller.account,)
    found["aws:principaltype"] = (caller.kind.value,)
    found["aws:principalisawsservice"] = ("false",)
    found["aws:userid"] = (caller.unique_id,)
    if caller.kind is Kind.USER:
        found["aws:username"] = (caller.name,)
    for name, value in caller.tags.items():
        found[f"aws:principaltag/{name}".lower()] = (value,)
    return found


def request_context(scope: Scope, region: str, now: float) -> Values:
    """Returns the keys that say where and when a request came; `now` is seconds of the epoch."""
    moment = datetime.fromtimestamp(now, UTC)
    found: Values = {
        "aws:requestedregion": (region,),
        "aws:currenttime": (moment.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:epochtime": (str(int(now)),),
        "aws:securetransport": ("true" if scope.get("scheme") == "https" else "false",),
        "aws:viaawsservice": ("false",),
    }
    client = scope.get("client")
    if client and client[0]:
        found["aws:sourceip"] = (client[0].removeprefix("::ffff:"),)
    for name, value in scope["headers"]:
        if name == b"user-agent":
            found["aws:useragent"] = (value.decode("latin-1"),)
        elif name == b"referer":
            found["aws:referer"] = (value.decode("latin-1"),)
    return found


def tag_context(kind: str, tags: Mapping[str, str]) -> Values:
    """Returns the keys of tags; `kind` is `aws:ResourceTag` or `aws:RequestTag`."""
    found: Values = {f"{kind}/{name}".lower(): (value,) for name, value in tags.items()}
    if kind == "aws:RequestTag" and tags:
        found["aws:tagkeys"] = tuple(tags)
    return found
