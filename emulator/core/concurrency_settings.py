"""Decides what concurrency may be reserved or provisioned, and words AWS's refusals.

Knows no account's functions and no store: what is taken already comes as arguments. Sources: the
API reference (PutFunctionConcurrency, PutProvisionedConcurrencyConfig) and the developer guide's
"Configuring reserved concurrency"; sentences are AWS's, as users quote them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.profile import Profile

UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
NO_SUCH_CONFIG = "No Provisioned Concurrency Config found for this function"
ABOVE_RESERVED = (
    "Requested Provisioned Concurrency should not be greater than the "
    "reservedConcurrentExecution for function"
)
BELOW_PROVISIONED = (
    "Specified ReservedConcurrentExecutions for function must not be less than its Provisioned "
    "Concurrency."
)
"""Refusal in our words (trust L): the guide says that a reservation has the provisioned part."""
ALIAS_OF_PROVISIONED = (
    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned "
    "version"
)
VERSION_OF_PROVISIONED = "Version is pointed by a Provisioned Concurrency alias"


@dataclass(frozen=True, slots=True)
class Taken:
    """Holds what the functions of an account have in a region, by name."""

    reserved: Mapping[str, int]
    provisioned: Mapping[str, int]
    """Sum over all versions of a function."""

    def unreserved(self, account: int) -> int:
        """Returns what is left of an account's concurrency for functions without reservation.

        Provisioned concurrency without a reservation is taken from the account's, too.
        """
        free = (n for name, n in self.provisioned.items() if name not in self.reserved)
        return account - sum(self.reserved.values()) - sum(free)


def reservation_fault(taken: Taken, name: str, wanted: int, profile: Profile) -> str:
    """Returns the refusal of a reservation; empty where the account has room for the function."""
    if wanted < taken.provisioned.get(name, 0):
        return BELOW_PROVISIONED
    after = Taken({**taken.reserved, name: wanted}, taken.provisioned)
    return _below_least(after, wanted, profile, "ReservedConcurrent")


def provisioned_fault(
    taken: Taken, name: str, wanted: int, instead_of: int, profile: Profile
) -> str:
    """Returns the refusal of provisioned concurrency; empty where there is room.

    `instead_of` is what the same version has now.
    """
    total = taken.provisioned.get(name, 0) - instead_of + wanted
    reserved = taken.reserved.get(name)
    if reserved is not None:
        return ABOVE_RESERVED if total > reserved else ""
    after = Taken(taken.reserved, {**taken.provisioned, name: total})
    return _below_least(after, wanted, profile, "Concurrent")


def _below_least(after: Taken, wanted: int, profile: Profile, what: str) -> str:
    """Returns the refusal of what leaves too little unreserved; nothing asked for takes nothing."""
    if not wanted or after.unreserved(profile.account_concurrency) >= profile.least_unreserved:
        return ""
    return (
        f"Specified {what}Executions for function decreases account's "
        f"UnreservedConcurrentExecution below its minimum value of [{profile.least_unreserved}]."
    )
