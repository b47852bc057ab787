"""Sends raw requests, and gathers faults instead of stopping at the first."""

from __future__ import annotations

import json
from collections import Counter
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.api.services.conftest import ServedApi
    from tests.api.services.fuzzing.ledger import Ledger
    from tests.api.services.fuzzing.requests import Request

_HANG = 30.0
"""Seconds in which every request must have been answered."""
_FIRST_FAULT = 500
_NOT_EMULATED = 501


class Sender:
    """Holds one connection; use from one thread."""

    def __init__(self, api: ServedApi, ledger: Ledger | None = None) -> None:
        # nothing less raw sends a path as it is
        self._http = HTTPConnection(api.url.removeprefix("http://"), timeout=_HANG)
        self._ledger = ledger
        self.faults: dict[str, str] = {}
        """Requests that were not answered as they should, one for each kind of fault."""
        self.statuses: Counter[int] = Counter()

    def send(self, request: Request) -> None:
        try:
            status, body = self._exchange(request)
        except (OSError, HTTPException) as error:
            self._http.close()
            self.faults.setdefault(f"{request.operation} {error!r}", repr(request))
            return
        self.statuses[status] += 1
        if status >= _FIRST_FAULT and status != _NOT_EMULATED:
            self.faults.setdefault(f"{request.operation} {status}", f"{request} -> {body[:300]!r}")
        if self._ledger is not None:
            self._ledger.note(request, status, _members(body))

    def _exchange(self, request: Request) -> tuple[int, bytes]:
        self._http.request(request.method, request.path, request.body, request.headers)
        answer = self._http.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        self._http.close()


def _members(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
