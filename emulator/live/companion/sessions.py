"""Makes the temporary credentials with which a function's code calls AWS: sessions of its role.

They are made here, so that a cold start waits for nobody; the companion is told of a session when
the first call comes that is signed with it. Source: the developer guide, "Defining Lambda function
permissions with an execution role"; AWS's session is named after the function.
"""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.core.function_configuration import FunctionConfiguration

LIFETIME = 12 * 3600.0
"""Seconds for which credentials are good. AWS's are for some hours, longer than a sandbox lives."""
_FRESH = LIFETIME / 2
"""Seconds that credentials are still good for at least when a new sandbox gets them."""
_KEY_BYTES, _SECRET_BYTES, _TOKEN_BYTES = 10, 30, 240


@dataclass(frozen=True, slots=True)
class Session:
    """Holds the credentials of one session of a role."""

    key: str
    secret: str
    token: str
    expires: float
    """Seconds of the epoch."""
    role_arn: str
    name: str
    account: str
    function_arn: str

    @property
    def environment(self) -> dict[str, str]:
        """Returns the variables in which SDKs look for credentials."""
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_SESSION_TOKEN": self.token,
        }

    @property
    def described(self) -> dict[str, Any]:
        """Returns what the companion must know."""
        return {
            "key": self.key,
            "secret": self.secret,
            "token": self.token,
            "expires": self.expires,
            "role_arn": self.role_arn,
            "name": self.name,
            "account": self.account,
        }


class Sessions:
    """Knows the sessions of all functions' roles, until they expire."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """Takes `now`, which returns seconds of the epoch."""
        self._now = now
        self._by_key: dict[str, Session] = {}
        self._newest: dict[tuple[str, str], Session] = {}

    def of(self, configuration: FunctionConfiguration) -> Session:
        """Returns the session for a new sandbox; a new one where the last is half spent."""
        key = configuration.execution_role, configuration.arn
        found = self._newest.get(key)
        if found is None or found.expires - self._now() < _FRESH:
            self._forget_expired()
            found = self._made(configuration)
            self._newest[key] = found
            self._by_key[found.key] = found
        return found

    def environment(self, configuration: FunctionConfiguration) -> Mapping[str, str]:
        """Returns the variables of a new sandbox that have its role's credentials."""
        return self.of(configuration).environment

    def find(self, access_key: str) -> Session | None:
        """Returns a session by its access key; None for keys that were made elsewhere."""
        return self._by_key.get(access_key)

    def _made(self, configuration: FunctionConfiguration) -> Session:
        role = configuration.execution_role
        return Session(
            key="ASIA" + base64.b32encode(secrets.token_bytes(_KEY_BYTES)).decode(),
            secret=base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode(),
            token=base64.b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode(),
            expires=self._now() + LIFETIME,
            role_arn=role,
            name=configuration.name,
            account=configuration.scope.account,
            function_arn=configuration.arn,
        )

    def _forget_expired(self) -> None:
        now = self._now()
        self._by_key = {key: each for key, each in self._by_key.items() if each.expires > now}
