"""Random requests for every operation that is served: no fault, no hang, nothing lost.

TESTBED_FUZZ is how many requests are sent; `make fuzz` sends 20,000.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, settings

from emulator.api.services.calls import Call, Registry
from emulator.api.services.service_model import load
from tests.api.services.conftest import ServedApi, served_api
from tests.api.services.fuzzing.ledger import Ledger
from tests.api.services.fuzzing.requests import Request, requests

COUNT = int(os.environ.get("TESTBED_FUZZ", "300"))
_HANG = 30.0
"""Seconds in which every request must have been answered."""
_NOT_EMULATED = 501


class Sender:
    """Sends requests, and gathers faults instead of stopping at the first."""

    def __init__(self, api: ServedApi, ledger: Ledger | None) -> None:
        self._http = httpx.Client(base_url=api.url, timeout=_HANG)
        self._ledger = ledger
        self.faults: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()

    def send(self, request: Request) -> None:
        try:
            answer = self._http.request(
                request.method, request.path, headers=request.headers, content=request.body
            )
        except httpx.TransportError as error:
            self.faults.setdefault(f"{request.operation} {error!r}", str(request))
            return
        self.statuses[answer.status_code] += 1
        if answer.status_code >= 500 and answer.status_code != _NOT_EMULATED:
            self.faults.setdefault(f"{request.operation} {answer.status_code}", str(request))
        if self._ledger is not None:
            self._ledger.note(request, answer.status_code, _members(answer))

    def close(self) -> None:
        self._http.close()


def _members(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = json.loads(answer.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def fuzz(api: ServedApi, ledger: Ledger | None = None) -> dict[str, str]:
    """Sends random requests of every operation that is served; returns the faults."""
    served = [
        (service, name)
        for service in api.registry.services
        for name in api.registry.operations(service)
    ]
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


def test_random_requests_meet_no_fault_and_lose_nothing(api: ServedApi) -> None:
    ledger = Ledger()
    assert fuzz(api, ledger) == {}
    if "ListFunctions" in api.registry.operations("lambda"):
        assert list(ledger.differences(api)) == []


async def nothing(_: Call) -> dict[str, Any]:
    return {}


def every_operation(*_: Any) -> Registry:
    registry = Registry()
    for service in ("lambda", "logs", "monitoring"):
        for name in load(service).operation_names:
            registry.add(service, name, nothing)
    return registry


def test_random_requests_of_all_of_awss_operations_are_read_or_refused() -> None:
    with served_api(registry=every_operation) as here:
        assert fuzz(here) == {}
