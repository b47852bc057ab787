"""What requests are answered that are open when the server ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from emulator.core.policy import SchedulerSettings
from tests.api.conftest import served
from tests.api.wire import invocation, request, wire

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "asked",
    [
        invocation("hang"),
        request("/2021-11-15/functions/hang/response-streaming-invocations", b"{}"),
        request("/", b"", "Host: hanging.lambda-url.localhost", method="GET"),
        request("/hang", b""),
    ],
    ids=["invoke", "streamed invoke", "function URL", "route"],
)
def test_open_request_at_the_end_is_answered_with_a_service_exception(
    tmp_path: Path, asked: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with served(tmp_path, SchedulerSettings()) as here, wire(here.url) as connection:
        connection.send(asked)
        here.wait_for_an_invocation()
        here.stop()
        answer = connection.answer()
    assert answer.status == 503
    assert answer.all("x-amzn-errortype") == ["ServiceException"]
    assert answer.json()["Type"] == "Service"
    assert answer.json()["message"] == "The emulator is stopping."
    assert [record.getMessage() for record in caplog.records] == [
        "Open requests answered with 503, as the emulator stops: 1"
    ]


def test_request_that_ends_in_time_is_answered_at_the_end(tmp_path: Path) -> None:
    with (
        served(tmp_path, SchedulerSettings(), grace=30.0) as here,
        wire(here.url) as connection,
    ):
        connection.send(invocation("pause"))
        here.wait_for_an_invocation()
        here.stop()
        answer = connection.answer()
    assert answer.status == 200


def test_streamed_answer_is_cut_off_at_the_end_without_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(tmp_path, SchedulerSettings()) as here, wire(here.url) as connection:
        script = json.dumps({"pieces": ["a"], "then": "hang"}).encode()
        headers = ("Host: streaming.lambda-url.localhost", "Content-Type: application/json")
        connection.send(request("/", script, *headers))
        assert connection.connection.recv(13) == b"HTTP/1.1 200 "
        here.stop()
        assert not connection.rest().endswith(b"0\r\n\r\n")
    assert not [record for record in caplog.records if record.exc_info]
