from __future__ import annotations

from emulator.core.messages.events import ProvisionedSet, ReservedConcurrencySet
from emulator.core.model import VersionKey
from emulator.core.open_requests import OpenRequests


def test_requests_are_counted_until_they_end() -> None:
    requests = OpenRequests()
    for name in ("a", "a", "b"):
        requests.began(name)
    requests.ended("b")
    requests.ended("a")
    assert requests.running == {"a": 1}


def test_the_last_word_about_concurrency_counts() -> None:
    requests, key = OpenRequests(), VersionKey.of("a", "7")
    for limit in (5, 0):
        requests.set_aside(ReservedConcurrencySet("a", limit))
    requests.set_aside(ProvisionedSet(key, 3))
    assert (requests.reserved, requests.provisioned) == ({"a": 0}, {key: 3})
    requests.set_aside(ReservedConcurrencySet("a", None))
    requests.set_aside(ProvisionedSet(key, 0))
    assert (requests.reserved, requests.provisioned) == ({}, {})
