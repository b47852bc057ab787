"""Builds what decides who may do what, from the settings of one emulator. Wiring alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from emulator.api.auth.directory import root
from emulator.api.auth.gatekeeper import Gatekeeper
from emulator.api.auth.guard import Guard
from emulator.api.auth.services_guard import ServicesGuard
from emulator.live.companion.identity_source import IdentitySource

if TYPE_CHECKING:
    from emulator.api.auth.gatekeeper import Resources
    from emulator.live.companion.process import Companion
    from emulator.live.companion.sessions import Sessions
    from emulator.live.store.root_key import RootKey


@dataclass(frozen=True, slots=True)
class Authority:
    """Holds who is asked for identities, and the guards where there are some."""

    identities: IdentitySource
    gatekeeper: Gatekeeper | None = None
    services: ServicesGuard | None = None

    @classmethod
    def of(
        cls,
        companion: Companion,
        sessions: Sessions,
        account: str,
        key: RootKey | None,
        resources: Resources,
    ) -> Self:
        """Returns the parts; with the root's `key` everybody else needs a right."""
        source = IdentitySource(companion, sessions)
        if key is None:
            return cls(source)
        guard = Guard(source, sessions, root(account, key.access_key, key.secret_key))
        return cls(source, Gatekeeper(guard, resources, companion.secret), ServicesGuard(guard))

    async def close(self) -> None:
        await self.identities.close()
