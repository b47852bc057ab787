"""Serves GetAccountSettings: the account's quotas and what is used of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control.collaborators import scope_of
from emulator.live.functions.concurrency import taken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation


def account_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations about the account, by name."""
    return {"GetAccountSettings": partial(get_account_settings, control)}


async def get_account_settings(control: Control, call: Call) -> dict[str, Any]:
    """Shows what the account may have in a region, and has."""
    scope, profile = scope_of(call), control.profile
    unreserved = taken(control.catalog, scope).unreserved(profile.account_concurrency)
    return {
        "AccountLimit": {
            "TotalCodeSize": profile.code.total,
            "CodeSizeUnzipped": profile.code.unzipped,
            "CodeSizeZipped": profile.code.zipped,
            "ConcurrentExecutions": profile.account_concurrency,
            "UnreservedConcurrentExecutions": unreserved,
        },
        "AccountUsage": {
            "TotalCodeSize": control.catalog.code_size(scope),
            "FunctionCount": len(control.catalog.functions(scope)),
        },
    }
