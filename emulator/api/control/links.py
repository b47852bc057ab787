"""Makes the links under which clients fetch code: each names one file, and ends after a while.

Source: the API reference (GetFunction): "a link to download the deployment package that's valid for
10 minutes".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = "/_testbed/code/"
VALID = 600
"""Seconds that a link works."""


class Links:
    """Signs links with a secret of this process, so that nobody else can make one."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._secret = secrets.token_bytes(32)
        self._now = now

    def link(self, host: str, name: str) -> str:
        """Returns the URL of the file of a name, on the host by which the client asked."""
        ends = int(self._now()) + VALID
        return f"http://{host}{PATH}{name}?expires={ends}&signature={self._signature(name, ends)}"

    def allows(self, name: str, expires: str, signature: str) -> bool:
        """Returns whether a link was made here and works still."""
        if not expires.isdecimal() or int(expires) < self._now():
            return False
        return hmac.compare_digest(signature.encode(), self._signature(name, int(expires)).encode())

    def _signature(self, name: str, ends: int) -> str:
        text = f"{name}\n{ends}".encode()
        digest = hmac.digest(self._secret, text, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
