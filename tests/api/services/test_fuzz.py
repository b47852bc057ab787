"""Random requests for every operation that is served: no fault, no hang, nothing lost.

TESTBED_FUZZ is how many requests are sent; `make fuzz` sends 20,000.
"""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from emulator.api.services.calls import Call, Registry
from emulator.api.services.service_model import load
from emulator.live import request_id
from tests.api.services.conftest import ServedApi, served_api
from tests.api.services.fuzzing.inventory import differences, inventory
from tests.api.services.fuzzing.ledger import Ledger
from tests.api.services.fuzzing.requests import Request, requests
from tests.api.services.fuzzing.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = int(os.environ.get("TESTBED_FUZZ", "300"))
AT_ONCE = 8
MAKERS = frozenset({"CreateFunction", "PublishVersion", "CreateAlias", "PublishLayerVersion"})
"""Operations without whose success the others find nothing."""
_TIMES = 4
ROUTED = ("Invoke", "InvokeWithResponseStream")
"""Operations with routes of their own, in no registry."""

ENDLESS = frozenset({"StartLiveTail", "GetLogObject"})
"""Operations whose answer is a stream, which lasts as long as its reader."""


@pytest.fixture(autouse=True)
def ids_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the server's request ids apart, since Hypothesis seeds the chance that both share."""
    monkeypatch.setattr(request_id, "_bits", random.SystemRandom().getrandbits)


def of_all(api: ServedApi) -> st.SearchStrategy[Request]:
    """Returns random requests of every operation that is served."""
    served = [
        (service, name)
        for service in api.registry.services
        for name in api.registry.operations(service) - ENDLESS
        for _ in range(_TIMES if name in MAKERS else 1)
    ]
    return requests([*served, *(("lambda", name) for name in ROUTED)])


def generate(strategy: st.SearchStrategy[Any], count: int, send: Callable[[Any], None]) -> None:
    """Sends `count` random values; none is sent again, as nothing is as it was before."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def each(value: Any) -> None:
        send(value)

    each()


def fuzz(api: ServedApi, ledger: Ledger | None = None) -> dict[str, str]:
    """Sends requests one after the other; returns the faults."""
    sender = Sender(api, ledger)
    generate(of_all(api), COUNT, sender.send)
    sender.close()
    print(f"{COUNT} requests: {dict(sender.statuses)}")
    return sender.faults


def fuzz_at_once(api: ServedApi) -> dict[str, str]:
    """Sends requests, several at a time; returns the faults."""
    senders = [Sender(api) for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as threads:

        def send(several: list[Request]) -> None:
            list(threads.map(Sender.send, senders, several))

        several = st.lists(of_all(api), min_size=AT_ONCE, max_size=AT_ONCE)
        generate(several, COUNT // AT_ONCE, send)
    for sender in senders:
        sender.close()
    return {kind: request for sender in senders for kind, request in sender.faults.items()}


def test_random_requests_meet_no_fault_and_lose_nothing(tmp_path: Path) -> None:
    ledger = Ledger()
    with served_api(folder=tmp_path) as first:
        assert fuzz(first, ledger) == {}
        assert list(ledger.differences(first)) == []
        before = inventory(first)
    with served_api(folder=tmp_path) as again:
        assert list(ledger.differences(again)) == []
        assert differences(before, inventory(again)) == {}


def test_random_requests_at_once_meet_no_fault_and_lose_nothing(tmp_path: Path) -> None:
    with served_api(folder=tmp_path) as first:
        assert fuzz_at_once(first) == {}
        before = inventory(first)
    with served_api(folder=tmp_path) as again:
        assert differences(before, inventory(again)) == {}


async def nothing(_: Call) -> dict[str, Any]:
    return {}


def every_operation(*_: Any) -> Registry:
    registry = Registry()
    for service in ("lambda", "logs", "monitoring"):
        for name in load(service).operation_names - ENDLESS:
            registry.add(service, name, nothing)
    return registry


def test_random_requests_of_all_of_awss_operations_are_read_or_refused(tmp_path: Path) -> None:
    with served_api(registry=every_operation, folder=tmp_path) as here:
        assert fuzz(here) == {}
