"""GetAccountSettings: the account's quotas and what is used of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.services.calls import Call, Operation
    from emulator.core.profile import Profile
    from emulator.live.engine import Engine

_TOTAL_CODE = 80_530_636_800
_UNZIPPED = 262_144_000
_ZIPPED = 52_428_800
"""Bytes. Source: the developer guide's quotas (75 GB, 250 MB, 50 MB)."""


def account_operations(engine: Engine, profile: Profile) -> Mapping[str, Operation]:
    """Returns the operations about the account, by name."""

    async def get_account_settings(_: Call) -> dict[str, Any]:
        functions = engine.functions.values()
        reserved = sum({f.name: f.reserved_concurrency or 0 for f in functions}.values())
        return {
            "AccountLimit": {
                "TotalCodeSize": _TOTAL_CODE,
                "CodeSizeUnzipped": _UNZIPPED,
                "CodeSizeZipped": _ZIPPED,
                "ConcurrentExecutions": profile.account_concurrency,
                "UnreservedConcurrentExecutions": profile.account_concurrency - reserved,
            },
            "AccountUsage": {
                "TotalCodeSize": 0,
                "FunctionCount": len({f.name for f in functions}),
            },
        }

    return {"GetAccountSettings": get_account_settings}
