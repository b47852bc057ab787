from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.core.event_sources.responses import failed_records

BATCH = ("a", "b", "c")


def failures(*identifiers: Any) -> bytes:
    listed = [{"itemIdentifier": identifier} for identifier in identifiers]
    return json.dumps({"batchItemFailures": listed}).encode()


@pytest.mark.parametrize(
    "response",
    [b"", b"null", b"{}", b'{"batchItemFailures": null}', b'{"batchItemFailures": []}', b'"ok"'],
)
def test_success_of_all(response: bytes) -> None:
    assert failed_records(response, BATCH) == frozenset()


def test_named_records_failed() -> None:
    assert failed_records(failures("b", "b", "c"), BATCH) == {"b", "c"}


@pytest.mark.parametrize(
    "response",
    [
        b"{",
        failures("z"),
        failures(""),
        failures(None),
        failures("a", "z"),
        b'{"batchItemFailures": [{"id": "a"}]}',
        b'{"batchItemFailures": ["a"]}',
        b'{"batchItemFailures": {"itemIdentifier": "a"}}',
    ],
)
def test_response_that_cannot_be_read_is_a_failure_of_all(response: bytes) -> None:
    assert failed_records(response, BATCH) == {"a", "b", "c"}
