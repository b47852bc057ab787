"""Random requests for every operation that is served: no fault, no hang, nothing lost.

TESTBED_FUZZ is how many requests are sent; `make fuzz` sends 20,000.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings

from emulator.api.services.calls import Call, Registry
from emulator.api.services.service_model import load
from tests.api.services.conftest import ServedApi, served_api
from tests.api.services.fuzzing.ledger import Ledger
from tests.api.services.fuzzing.requests import Request, requests

if TYPE_CHECKING:
    from pathlib import Path

COUNT = int(os.environ.get("TESTBED_FUZZ", "300"))
_HANG = 30.0
"""Seconds in which every request must have been answered."""
_FIRST_FAULT = 500
_NOT_EMULATED = 501
MAKERS = frozenset({"CreateFunction", "PublishVersion", "CreateAlias", "PublishLayerVersion"})
"""Operations without whose success the others find nothing."""
_TIMES = 4
ROUTED = ("Invoke", "InvokeWithResponseStream")
"""Operations with routes of their own, in no registry."""


class Sender:
    """Sends requests, and gathers faults instead of stopping at the first."""

    def __init__(self, api: ServedApi, ledger: Ledger | None) -> None:
        self._http = HTTPConnection(api.url.removeprefix("http://"), timeout=_HANG)
        self._ledger = ledger
        self.faults: dict[str, str] = {}
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
        # nothing less raw sends a path as it is
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


def fuzz(api: ServedApi, ledger: Ledger | None = None) -> dict[str, str]:
    """Sends random requests of every operation that is served; returns the faults."""
    served = [
        (service, name)
        for service in api.registry.services
        for name in api.registry.operations(service)
        for _ in range(_TIMES if name in MAKERS else 1)
    ]
    served += [("lambda", name) for name in ROUTED]
    sender = Sender(api, ledger)

    @settings(
        max_examples=COUNT,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(served))
    def send(request: Request) -> None:
        sender.send(request)

    send()
    sender.close()
    print(f"{COUNT} requests: {dict(sender.statuses)}")
    return sender.faults


def test_random_requests_meet_no_fault_and_lose_nothing(tmp_path: Path) -> None:
    ledger = Ledger()
    with served_api(folder=tmp_path) as first:
        faults = fuzz(first, ledger)
        differences = list(ledger.differences(first))
    with served_api(folder=tmp_path) as again:
        after_restart = list(ledger.differences(again))
    assert faults == {}
    assert (differences, after_restart) == ([], [])


async def nothing(_: Call) -> dict[str, Any]:
    return {}


def every_operation(*_: Any) -> Registry:
    registry = Registry()
    for service in ("lambda", "logs", "monitoring"):
        for name in load(service).operation_names:
            registry.add(service, name, nothing)
    return registry


def test_random_requests_of_all_of_awss_operations_are_read_or_refused(tmp_path: Path) -> None:
    with served_api(registry=every_operation, folder=tmp_path) as here:
        assert fuzz(here) == {}
