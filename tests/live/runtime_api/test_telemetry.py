"""Subscriptions, request by request, and what real subscribers get."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from emulator.live.runtime_api.extensions import Extensions, FunctionIdentity
from emulator.live.runtime_api.telemetry import MOST_SUBSCRIPTIONS, TelemetryApi
from emulator.telemetry import platform_events
from emulator.telemetry.platform_events import RunStatus
from tests.live.telemetry_listener import BOUND, listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

TELEMETRY = b"/2022-07-01/telemetry"
LOGS = b"/2020-08-15/logs"
AT = 1_700_000_000.0
TIME = "2023-11-14T22:13:20.000Z"
NOBODY = 1
"""A port at which nobody listens."""
MOST = 262_144


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No attempt is given up, and repeated, because this process stood still for two seconds."""
    monkeypatch.setattr("emulator.live.runtime_api.delivery.ATTEMPT", 60.0)


def read(response: bytes) -> tuple[int, Any]:
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def log(text: str) -> dict[str, Any]:
    return platform_events.function_log(AT, text)


@dataclass
class Sandbox:
    events: list[dict[str, Any]] = field(default_factory=list)
    """What the API told its owner."""

    def __post_init__(self) -> None:
        self.extensions = Extensions(
            FunctionIdentity("f", "$LATEST", "app.handler", "123456789012"),
            ("agent", "other"),
            lambda: str(uuid4()),
            lambda: None,
            lambda *_: None,
        )
        self.api = TelemetryApi(
            self.extensions, lambda: "127.0.0.1", lambda: AT, self.events.append
        )
        self.identifiers = {name: self.register(name) for name in self.extensions.external}

    def register(self, name: str) -> str:
        answers: list[bytes] = []
        self.extensions.answer(
            b"POST",
            b"/2020-01-01/extension/register",
            {b"lambda-extension-name": name.encode()},
            b'{"events":["INVOKE"]}',
            answers.append,
        )
        return answers[0].split(b"Identifier: ")[1].split(b"\r\n")[0].decode()

    def ask(self, body: Any, path: bytes = TELEMETRY, name: str = "agent") -> tuple[int, Any]:
        answers: list[bytes] = []
        headers = {b"lambda-extension-identifier": self.identifiers[name].encode()}
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        assert self.api.answer(b"PUT", path, headers, encoded, answers.append)
        return read(answers[0])

    def subscribe(self, port: int, *types: str, name: str = "agent", **more: Any) -> None:
        assert self.ask(wanted(port, *types, **more), name=name) == (200, "OK")


def wanted(port: int = 8080, *types: str, **more: Any) -> dict[str, Any]:
    """A subscription that delivers quickly."""
    return {
        "schemaVersion": "2022-12-13",
        "types": list(types or ("platform", "function", "extension")),
        "buffering": {"timeoutMs": 25},
        "destination": {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}/in?a=b"},
        **more,
    }


@asynccontextmanager
async def sandbox() -> AsyncIterator[Sandbox]:
    here = Sandbox()
    try:
        yield here
    finally:
        await here.api.close()


# subscriptions


async def test_subscription_is_told_to_all() -> None:
    async with sandbox() as here, listening() as listener:
        here.subscribe(listener.port, "platform", name="other")
        here.subscribe(listener.port, "function")
        await here.api.flush(BOUND)
    told = [
        {
            "time": TIME,
            "type": "platform.telemetrySubscription",
            "record": {"name": name, "state": "Subscribed", "types": types},
        }
        for name, types in (("other", ["platform"]), ("agent", ["function"]))
    ]
    assert here.events == told
    assert listener.events == told


async def test_same_subscription_again_is_none() -> None:
    async with sandbox() as here, listening() as listener:
        here.subscribe(listener.port)
        assert here.ask(wanted(listener.port)) == (200, "AlreadySubscribed")
        here.api.emit(log("once\n"))
        await here.api.flush(BOUND)
    assert [event["record"]["state"] for event in here.events] == [
        "Subscribed",
        "Already subscribed",
    ]
    assert listener.types.count("function") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"types": []}, "types should not be empty"),
        ({"types": ["platform", "metrics"]}, "types should be of platform, function, extension"),
        ({"schemaVersion": None}, "schemaVersion is not provided"),
        ({"schemaVersion": "2020-08-15"}, "schemaVersion should be one of 2022-07-01"),
        ({"destination": None}, "destination is not provided"),
        ({"destination": {"protocol": "UDP"}}, "protocol should be one of HTTP, TCP"),
        ({"destination": {"protocol": "TCP"}}, "port is not provided"),
        ({"destination": {"protocol": "TCP", "port": 9001}}, "port 9001 is reserved"),
        ({"buffering": []}, "buffering should be an object"),
        ({"buffering": {"maxItems": 999}}, "maxItems should be between 1000 and 10000"),
        ({"buffering": {"maxBytes": 2**20 + 1}}, "maxBytes should be between 262144 and 1048576"),
        ({"buffering": {"timeoutMs": 24}}, "timeoutMs should be between 25 and 30000"),
        ({"buffering": {"timeoutMs": True}}, "timeoutMs should be between 25 and 30000"),
    ],
)
async def test_subscription_that_is_wrong_is_refused(change: dict[str, Any], message: str) -> None:
    async with sandbox() as here:
        status, answer = here.ask({**wanted(), **change})
    assert (status, answer["errorType"]) == (400, "ValidationError")
    assert answer["errorMessage"].startswith(message)
    assert here.events == []


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://sandbox.localdomain", "URI port is not provided"),
        ("https://sandbox.localdomain:80", "URI scheme should be http"),
        ("http://example.com:80", "URI host should be sandbox.localdomain"),
        ("http://sandbox.localdomain:x", "URI is invalid"),
        ("http://sandbox.localdomain:9001", "port 9001 is reserved"),
    ],
)
async def test_events_go_nowhere_but_into_the_sandbox(uri: str, message: str) -> None:
    async with sandbox() as here:
        status, answer = here.ask(
            {**wanted(), "destination": {"protocol": "HTTP", "URI": uri}},
        )
    assert (status, answer["errorType"]) == (400, "ValidationError")
    assert answer["errorMessage"].startswith(message)


async def test_all_that_is_wrong_is_told_as_aws_tells_it() -> None:
    body = {**wanted(types=[]), "destination": {"protocol": "HTTP", "URI": "http://sandbox"}}
    async with sandbox() as here:
        assert here.ask(body) == (
            400,
            {
                "errorType": "ValidationError",
                "errorMessage": "URI port is not provided; types should not be empty",
            },
        )
        status, answer = here.ask(body, LOGS)
        assert (status, answer["errorType"]) == (400, "Logs.ValidationError")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
async def test_subscription_that_is_no_document_is_refused(body: bytes) -> None:
    async with sandbox() as here:
        status, answer = here.ask(body)
    assert (status, answer["errorType"]) == (400, "ValidationError")


async def test_subscriber_must_be_a_registered_extension() -> None:
    async with sandbox() as here:
        here.identifiers["agent"] = str(uuid4())
        status, answer = here.ask(wanted())
    assert (status, answer["errorType"]) == (403, "Extension.UnknownExtensionIdentifier")


@pytest.mark.parametrize(("path", "name"), [(TELEMETRY, "Telemetry"), (LOGS, "Logs")])
async def test_subscription_is_closed_when_init_is_over(path: bytes, name: str) -> None:
    async with sandbox() as here:
        here.extensions.init_over()
        assert here.ask(wanted(), path) == (
            403,
            {
                "errorType": f"{name}.SubscriptionClosed",
                "errorMessage": f"{name} API subscription is closed already",
            },
        )


async def test_subscriptions_of_one_extension_are_bounded() -> None:
    async with sandbox() as here:
        for port in range(1, MOST_SUBSCRIPTIONS + 1):
            here.subscribe(port)
        status, answer = here.ask(wanted(MOST_SUBSCRIPTIONS + 1))
        assert (status, answer["errorType"]) == (400, "ValidationError")
        assert here.ask(wanted(1)) == (200, "AlreadySubscribed")
        here.subscribe(1, name="other")


async def test_flood_of_events_is_kept_in_bounds_where_nobody_takes_them() -> None:
    async with sandbox() as here, listening() as listener:
        listener.answering.clear()
        here.subscribe(listener.port, "function")
        here.extensions.init_over()
        event = log("x" * 1000 + "\n")
        tracemalloc.start()
        try:
            for _ in range(50_000):
                here.api.emit(event)
            await listener.until(lambda it: bool(it.batches))
            for _ in range(50_000):
                here.api.emit(event)
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert taken < 16 * MOST


async def test_one_extension_uses_one_of_the_two_apis() -> None:
    async with sandbox() as here:
        here.subscribe(NOBODY)
        status, answer = here.ask(wanted(schemaVersion="2021-03-18"), LOGS)
        assert (status, answer["errorType"]) == (400, "Logs.ValidationError")
        assert here.ask(wanted(schemaVersion="2021-03-18"), LOGS, "other") == (200, "OK")


@pytest.mark.parametrize(
    ("method", "path"), [(b"GET", TELEMETRY), (b"PUT", b"/2022-07-01/other"), (b"PUT", b"/")]
)
async def test_other_requests_are_left_to_others(method: bytes, path: bytes) -> None:
    replies: list[bytes] = []
    async with sandbox() as here:
        assert not here.api.answer(method, path, {}, b"", replies.append)
    assert replies == []


# delivery


async def test_events_come_as_a_batch_to_the_path_that_was_asked_for() -> None:
    async with sandbox() as here, listening() as listener:
        here.subscribe(listener.port, "function")
        here.api.emit(log("one\n"))
        here.api.emit(log("é ☃\n"))
        await listener.until(lambda it: len(it.batches) == 1)
    assert listener.batches == [
        [
            {"time": TIME, "type": "function", "record": "one\n"},
            {"time": TIME, "type": "function", "record": "é ☃\n"},
        ]
    ]
    [head] = listener.requests
    assert head.startswith("POST /in?a=b HTTP/1.1\r\n")
    assert f"host: sandbox.localdomain:{listener.port}\r\n" in head.lower()
    assert "content-type: application/json\r\n" in head.lower()


async def test_only_the_types_that_were_asked_for_come() -> None:
    async with sandbox() as here, listening() as logs, listening() as extensions:
        here.subscribe(logs.port, "function", "platform")
        here.subscribe(extensions.port, "extension", name="other")
        here.api.emit(platform_events.start(AT, "id", "1"))
        here.api.emit(log("line\n"))
        here.api.emit(platform_events.extension_log(AT, "its own\n"))
        await here.api.flush(BOUND)
    assert logs.types[2:] == ["platform.start", "function"]
    assert extensions.types == ["extension"]


async def test_new_subscriber_is_told_what_came_before_it() -> None:
    async with sandbox() as here, listening() as listener:
        here.api.emit(platform_events.start(AT, "before", "1"))
        here.subscribe(listener.port)
        await here.api.flush(BOUND)
    assert listener.types == ["platform.start", "platform.telemetrySubscription"]


async def test_init_that_writes_much_before_a_subscription_loses_its_later_lines() -> None:
    async with sandbox() as here, listening() as listener:
        here.api.emit(log("a" * (MOST - 1000)))
        here.api.emit(log("b" * 1000))
        here.subscribe(listener.port)
        await here.api.flush(BOUND)
    first, _, dropped = listener.events
    assert first["record"].startswith("a")
    assert dropped["type"] == "platform.logsDropped"
    assert dropped["record"]["droppedRecords"] == 1


async def test_flush_delivers_at_once_what_would_wait() -> None:
    async with sandbox() as here, listening() as listener:
        here.subscribe(listener.port, "function", buffering={"timeoutMs": 30_000})
        here.api.emit(log("line\n"))
        assert listener.batches == []
        await here.api.flush(BOUND)
        assert listener.types == ["function"]


async def test_full_buffer_is_delivered_at_once() -> None:
    buffering = {"timeoutMs": 30_000, "maxItems": 1000}
    async with sandbox() as here, listening() as listener:
        here.subscribe(listener.port, "function", buffering=buffering)
        for _ in range(1000):
            here.api.emit(log("x"))
        await listener.until(lambda it: [len(batch) for batch in it.batches] == [1000])


async def test_what_comes_while_a_batch_is_under_way_follows_it() -> None:
    async with sandbox() as here, listening() as listener:
        listener.answering.clear()
        here.subscribe(listener.port, "function")
        here.api.emit(log("one\n"))
        await listener.until(lambda it: len(it.batches) == 1)
        here.api.emit(log("two\n"))
        listener.answering.set()
        await listener.until(lambda it: len(it.batches) == 2)
    assert [event["record"] for event in listener.events] == ["one\n", "two\n"]


async def test_slow_subscriber_loses_what_does_not_fit_and_is_told() -> None:
    async with sandbox() as here, listening() as listener:
        listener.answering.clear()
        here.subscribe(listener.port, buffering={"timeoutMs": 25})
        await listener.until(lambda it: len(it.batches) == 1)  # and is not acknowledged
        half = "x" * (MOST // 2 - 100)
        for _ in range(4):
            here.api.emit(log(half))
        listener.answering.set()
        await here.api.flush(BOUND)
    assert listener.types[1:] == ["function", "function", "platform.logsDropped"]
    dropped = listener.events[-1]["record"]
    assert dropped["droppedRecords"] == 2
    assert 2 * len(half) < dropped["droppedBytes"] < 2 * MOST // 2
    assert dropped["reason"].startswith("Consumer seems to have fallen behind")
    assert here.events[-1] == listener.events[-1], "the function's log has it too"


async def test_one_subscriber_that_is_slow_does_not_hold_up_the_other() -> None:
    async with sandbox() as here, listening() as slow, listening() as quick:
        slow.answering.clear()
        here.subscribe(slow.port, "function")
        here.subscribe(quick.port, "function", name="other")
        here.api.emit(log("line\n"))
        await quick.until(lambda it: len(it.batches) == 1)
        await here.api.flush(0.01)
        assert len(slow.batches) == 1


async def test_event_that_is_larger_than_the_buffer_goes_alone() -> None:
    async with sandbox() as here, listening() as listener:
        here.subscribe(listener.port, "function")
        here.api.emit(log("first"))
        here.api.emit(log("x" * MOST))
        await here.api.flush(BOUND)
    assert [[event["record"][:5] for event in batch] for batch in listener.batches] == [
        ["first"],
        ["xxxxx"],
    ]


async def test_refused_batch_is_sent_again() -> None:
    async with sandbox() as here, listening(500, 503) as listener:
        here.subscribe(listener.port, "function")
        here.api.emit(log("line\n"))
        await here.api.flush(BOUND)
    assert [batch[0]["record"] for batch in listener.batches] == ["line\n"] * 3
    assert len(here.events) == 1, "nothing was dropped"


async def test_batch_that_is_refused_too_often_is_dropped_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("emulator.live.runtime_api.subscriber._BACKOFF", (0.0, 0.0))
    async with sandbox() as here, listening(500, 500, 500) as listener:
        here.subscribe(listener.port)
        await here.api.flush(BOUND)
        here.api.emit(log("line\n"))
        await here.api.flush(BOUND)
    assert len(listener.batches) == 4
    assert [event["type"] for event in listener.batches[3]] == ["function", "platform.logsDropped"]
    assert listener.events[-1]["record"]["droppedRecords"] == 1


async def test_sandbox_without_a_listener_goes_on() -> None:
    async with sandbox() as here:
        here.subscribe(NOBODY)
        here.api.emit(log("line\n"))
        await here.api.flush(0.01)


async def test_frozen_sandbox_is_sent_nothing_until_it_is_thawed() -> None:
    async with sandbox() as here, listening() as listener:
        here.subscribe(listener.port, "function", buffering={"timeoutMs": 25})
        here.api.pause()
        here.api.emit(log("line\n"))
        await here.api.flush(0.1)
        assert listener.batches == []
        here.api.resume()
        await listener.until(lambda it: it.types == ["function"])


async def test_attempt_that_the_freeze_interrupted_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("emulator.live.runtime_api.subscriber._BACKOFF", ())
    async with sandbox() as here, listening(500) as listener:
        listener.answering.clear()
        here.subscribe(listener.port, "function")
        here.api.emit(log("line\n"))
        await listener.until(lambda it: len(it.batches) == 1)
        here.api.pause()
        listener.answering.set()
        await here.api.flush(0.1)
        here.api.resume()
        await here.api.flush(BOUND)
    assert listener.types == ["function"] * 2


async def test_attempt_whose_failure_comes_after_the_thaw_does_not_count_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An emulator that stood still for a while read the refusal when all was thawed again."""
    monkeypatch.setattr("emulator.live.runtime_api.subscriber._BACKOFF", ())
    async with sandbox() as here, listening(500) as listener:
        listener.answering.clear()
        here.subscribe(listener.port, "function")
        here.api.emit(log("line\n"))
        await listener.until(lambda it: len(it.batches) == 1)
        here.api.pause()
        here.api.resume()
        listener.answering.set()
        await here.api.flush(BOUND)
    assert listener.types == ["function"] * 2


async def test_subscription_outlives_a_reset_of_the_sandbox() -> None:
    async with sandbox() as here, listening() as listener:
        here.subscribe(listener.port, "function")
        here.extensions.init_over()
        here.extensions.reset()
        here.api.emit(log("again\n"))
        here.identifiers["agent"] = here.register("agent")
        assert here.ask(wanted(listener.port, "function")) == (200, "AlreadySubscribed")
        await here.api.flush(BOUND)
    assert [event["record"] for event in listener.events] == ["again\n"]


async def test_history_ends_with_init() -> None:
    async with sandbox() as here, listening() as listener:
        here.api.emit(log("of the first init\n"))
        here.extensions.init_over()
        here.api.emit(log("of an invocation\n"))
        here.extensions.reset()
        here.identifiers["agent"] = here.register("agent")
        here.subscribe(listener.port, "function")
        here.api.emit(log("of the second init\n"))
        await here.api.flush(BOUND)
    assert [event["record"] for event in listener.events] == ["of the second init\n"]


async def test_closed_api_delivers_nothing_more() -> None:
    async with listening() as listener:
        async with sandbox() as here:
            here.subscribe(listener.port, "function")
            here.api.emit(log("line\n"))
        here.api.emit(log("line\n"))
        await here.api.flush(BOUND)
        assert listener.batches == []


# the Logs API and TCP


async def test_logs_api_has_its_own_events() -> None:
    body = wanted(schemaVersion="2021-03-18")
    async with sandbox() as here, listening() as listener:
        body["destination"]["URI"] = f"http://sandbox:{listener.port}"
        body["destination"]["method"] = "PUT"
        assert here.ask(body, LOGS + b"/") == (200, "OK")
        here.api.emit(platform_events.runtime_done(AT, "id", RunStatus.ERROR, 1.0))
        here.api.emit(
            platform_events.report(
                AT, "id", RunStatus.ERROR, duration=1, billed_ms=1, memory_mb=1, max_memory_mb=1
            )
        )
        await here.api.flush(BOUND)
    assert listener.types == [
        "platform.logsSubscription",
        "platform.runtimeDone",
        "platform.end",
        "platform.report",
    ]
    assert listener.events[1]["record"] == {"requestId": "id", "status": "failure"}
    assert listener.requests[0].startswith("PUT / HTTP/1.1\r\n")


async def test_schema_of_the_logs_api_need_not_be_named() -> None:
    body = wanted(types=["function"])
    del body["schemaVersion"]
    async with sandbox() as here:
        assert here.ask(body, LOGS) == (200, "OK")


async def test_events_over_tcp_are_lines() -> None:
    async with sandbox() as here, listening(protocol="TCP") as listener:
        destination = {"protocol": "TCP", "port": listener.port}
        here.subscribe(listener.port, "function", destination=destination)
        here.api.emit(log("one\n"))
        await here.api.flush(BOUND)
        here.api.emit(log("two\n"))
        await listener.until(lambda it: len(it.batches) == 2)
    assert [event["record"] for event in listener.events] == ["one\n", "two\n"]
