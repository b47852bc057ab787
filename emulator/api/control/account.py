"""GetAccountSettings: the account's quotas and what is used of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control.checks import code_sizes
from emulator.api.control.collaborators import scope_of
from emulator.live.store.resources import Kind

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
    found = control.catalog.resources.all(scope, Kind.CONCURRENCY).values()
    reserved = sum(document[""]["ReservedConcurrentExecutions"] for document in found)
    return {
        "AccountLimit": {
            "TotalCodeSize": profile.code.total,
            "CodeSizeUnzipped": profile.code.unzipped,
            "CodeSizeZipped": profile.code.zipped,
            "ConcurrentExecutions": profile.account_concurrency,
            "UnreservedConcurrentExecutions": profile.account_concurrency - reserved,
        },
        "AccountUsage": {
            "TotalCodeSize": sum(code_sizes(control, scope)),
            "FunctionCount": len(control.catalog.functions(scope)),
        },
    }
