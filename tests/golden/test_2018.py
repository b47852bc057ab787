"""What a caller got and what the log said under aws-2018; the sources are recordings of 2018."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.golden.conftest import Lambda, masked, serve
from tests.golden.functions import COMMON

if TYPE_CHECKING:
    from collections.abc import Iterator

START = "START RequestId: <id> Version: $LATEST"
END = "END RequestId: <id>"
REPORT = (
    "REPORT RequestId: <id>\tDuration: <ms> ms\tBilled Duration: <n> ms \t"
    "Memory Size: 128 MB\tMax Memory Used: <n> MB\t"
)
EXITED = "RequestId: <id> Process exited before completing request"


@pytest.fixture(scope="module")
def aws(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lambda]:
    yield from serve(tmp_path_factory.mktemp("golden"), backend, "aws-2018", COMMON)


def body(answer: Any) -> Any:
    assert answer["FunctionError"] == "Unhandled"
    return json.loads(masked(answer["Payload"].read().decode()))


def test_cold_and_warm_have_the_same_lines(aws: Lambda) -> None:
    for _ in range(2):
        aws.invoke("says", Payload=b"{}")
        assert aws.new_lines("says") == [START, "hello", END, REPORT]


def test_timeout_is_told_in_the_body_of_2018(aws: Lambda) -> None:
    told = body(aws.invoke("sleeps", Payload=b"5"))
    message = "<time> <id> Task timed out after 1.00 seconds"
    assert told == {"errorMessage": message}
    assert aws.new_lines("sleeps", last="<time>")[:4] == [
        START,
        END,
        REPORT.replace("128 MB", "1792 MB"),
        message,
    ]


@pytest.mark.parametrize(("function", "event"), [("exits", b"3"), ("eats", b"{}")])
def test_runtime_that_ended_is_told_behind_report(aws: Lambda, function: str, event: bytes) -> None:
    if function == "eats":
        aws.require_limits()
    assert body(aws.invoke(function, Payload=event)) == {"errorMessage": EXITED}
    assert aws.new_lines(function, last="RequestId")[:4] == [START, END, REPORT, EXITED]


def test_init_error_has_no_line_of_its_own(aws: Lambda) -> None:
    told = body(aws.invoke("imports", Payload=b"{}"))
    assert told["errorMessage"] == "Unable to import module 'app': No module named 'no_such_module'"
    lines = [
        line for line in aws.new_lines("imports") if not line.startswith(("[ERROR]", "[WARNING]"))
    ]
    assert lines == [START, END, REPORT]


def test_billing_is_by_the_hundred_milliseconds(aws: Lambda) -> None:
    import httpx  # noqa: PLC0415

    aws.invoke("says", Payload=b"{}")
    aws.new_lines("says")
    log = httpx.get(f"{aws.url}/_testbed/logs/says", timeout=60).text
    assert "Billed Duration: 100 ms \t" in log
