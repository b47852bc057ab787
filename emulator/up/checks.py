"""Checks settings that belong together before anything is started."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from emulator.config import Auth
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from emulator.config import Settings


def check_auth(settings: Settings) -> None:
    """Checks that nobody is let in unawares.

    Raises:
        SettingsError: the gateway would be open to other machines, or IAM would not be there.
    """
    if settings.auth is None and not _is_loopback(settings.host):
        raise SettingsError(
            f"On {settings.host} other machines reach the gateway, and who reaches it may run code "
            "here and read every log: say --auth strict (signatures and IAM's policies decide) or "
            "--auth off (everyone may), or listen on 127.0.0.1 (--host)."
        )
    if settings.auth is not Auth.STRICT:
        return
    if not settings.companion:
        raise SettingsError(
            "--auth strict asks the companion, which has the users: leave out --no-companion."
        )
    if elsewhere := {"iam", "sts"} & set(settings.aws_endpoint):
        raise SettingsError(
            f"--auth strict asks the companion's own IAM: leave out --aws-endpoint "
            f"{min(elsewhere)}=…."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
