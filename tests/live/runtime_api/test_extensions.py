"""The Extensions API, request by request; what is sent is compared with AWS's own emulator."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from emulator.live.runtime_api.error_report import MOST_ERROR_TYPE
from emulator.live.runtime_api.extension import ExtensionState
from emulator.live.runtime_api.extensions import (
    MAX_EXTENSIONS,
    ErrorPhase,
    Extensions,
    FunctionIdentity,
    Registration,
    ShutdownReason,
)

FUNCTION = FunctionIdentity("echo", "$LATEST", "app.handler", "123456789012")
ARN = "arn:aws:lambda:us-east-1:123456789012:function:echo"
REGISTER = b"/2020-01-01/extension/register"
NEXT = b"/2020-01-01/extension/event/next"
INIT_ERROR = b"/2020-01-01/extension/init/error"
EXIT_ERROR = b"/2020-01-01/extension/exit/error"
FIRST_ID = "00000000-0000-4000-8000-000000000001"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


def read(response: bytes) -> Answer:
    head, _, body = response.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert int(headers["Content-Length"]) == len(body)
    return Answer(int(first.split()[1]), headers, json.loads(body))


@dataclass
class Sandbox:
    """Its extensions, and what their owner was told."""

    names: tuple[str, ...] = ("agent",)
    changes: int = 0
    errors: list[tuple[str, str, ErrorPhase]] = field(default_factory=list)

    def __post_init__(self) -> None:
        numbers = count(1)
        self.extensions = Extensions(
            FUNCTION,
            self.names,
            lambda: f"00000000-0000-4000-8000-{next(numbers):012}",
            self._changed,
            lambda *error: self.errors.append(error),
        )

    def _changed(self) -> None:
        self.changes += 1

    def ask(
        self, method: bytes, path: bytes, headers: dict[bytes, bytes], body: bytes = b""
    ) -> list[Answer]:
        """The answers that it has by now, and will have."""
        answers: list[Answer] = []
        assert self.extensions.answer(
            method, path, headers, body, lambda response: answers.append(read(response))
        )
        return answers

    def register(self, name: str = "agent", *events: str, **more: Any) -> Answer:
        body = json.dumps({"events": events or ("INVOKE", "SHUTDOWN"), **more}).encode()
        [answer] = self.ask(b"POST", REGISTER, {b"lambda-extension-name": name.encode()}, body)
        return answer

    def joined(self, name: str = "agent", *events: str) -> str:
        """Registers and returns the identifier."""
        answer = self.register(name, *events)
        assert answer.status == 200, answer.body
        return answer.headers["Lambda-Extension-Identifier"]

    def next(self, identifier: str) -> list[Answer]:
        return self.ask(b"GET", NEXT, {b"lambda-extension-identifier": identifier.encode()})

    def error(self, path: bytes, identifier: str, error_type: str) -> Answer:
        headers = {
            b"lambda-extension-identifier": identifier.encode(),
            b"lambda-extension-function-error-type": error_type.encode(),
        }
        [answer] = self.ask(b"POST", path, headers, b"{}")
        return answer

    def invoke(self, request_id: str = "id-1") -> None:
        self.extensions.invoke(request_id, 1_700_000_000_000, ARN, "Root=1-a-b")

    def awaited(self) -> set[str]:
        return set(self.extensions.awaited())


def refused(answer: Answer) -> tuple[int, str, str]:
    assert set(answer.body) == {"errorMessage", "errorType"}
    return answer.status, answer.body["errorType"], answer.body["errorMessage"]


def illegal(state: str, other: str, extension: str) -> str:
    return (
        f"State transition from {state} to {other} failed for extension {extension}. "
        "Error: State transition is not allowed"
    )


# registration


def test_registration_tells_the_function_and_gives_an_identifier() -> None:
    sandbox = Sandbox()
    answer = sandbox.register()
    assert answer == Answer(
        200,
        {
            "Content-Type": "application/json",
            "Lambda-Extension-Identifier": FIRST_ID,
            "Content-Length": answer.headers["Content-Length"],
        },
        {"functionName": "echo", "functionVersion": "$LATEST", "handler": "app.handler"},
    )
    assert sandbox.extensions.registered == (
        Registration("agent", True, ExtensionState.REGISTERED, ("INVOKE", "SHUTDOWN"), ""),
    )


def test_account_is_told_to_who_accepts_it() -> None:
    sandbox = Sandbox()
    headers = {
        b"lambda-extension-name": b"agent",
        b"lambda-extension-accept-feature": b"other, accountId",
    }
    [answer] = sandbox.ask(b"POST", REGISTER, headers, b'{"events":[]}')
    assert answer.body["accountId"] == "123456789012"


def test_whoever_is_no_file_of_the_sandbox_is_internal() -> None:
    sandbox = Sandbox(("agent",))
    sandbox.joined("wrapper", "INVOKE")
    assert sandbox.extensions.external == ("agent",)
    assert sandbox.extensions.internal == ("wrapper",)
    assert sandbox.extensions.unregistered() == {"agent"}


def test_sandbox_without_extensions_has_none_and_waits_for_none() -> None:
    extensions = Sandbox(()).extensions
    assert (extensions.has_any, extensions.awaited()) == (False, frozenset())
    assert Sandbox().extensions.has_any


def test_internal_extension_cannot_register_for_shutdown() -> None:
    sandbox = Sandbox()
    assert refused(sandbox.register("wrapper", "INVOKE", "SHUTDOWN")) == (
        403,
        "Extension.InvalidEventType",
        "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
    )
    assert sandbox.extensions.internal == ()


def test_unknown_event_is_refused_and_changes_nothing() -> None:
    sandbox = Sandbox()
    assert refused(sandbox.register("agent", "INVOKE", "abcdef")) == (
        403,
        "Extension.InvalidEventType",
        "abcdef: ErrorInvalidEventType",
    )
    assert sandbox.register().status == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"events":"INVOKE"}', b'{"events":[1]}', b"\xff", b"[" * 100_000],
)
def test_registration_that_is_no_such_document_is_refused(body: bytes) -> None:
    sandbox = Sandbox()
    [answer] = sandbox.ask(b"POST", REGISTER, {b"lambda-extension-name": b"agent"}, body)
    assert refused(answer)[:2] == (403, "InvalidRequestFormat")
    assert sandbox.extensions.registered == ()


def test_configuration_keys_are_deprecated() -> None:
    status, error_type, message = refused(Sandbox().register("agent", configurationKeys=["A"]))
    assert (status, error_type) == (403, "InvalidRequestFormat")
    assert "deprecated" in message


def test_registration_needs_a_name() -> None:
    [answer] = Sandbox().ask(b"POST", REGISTER, {}, b'{"events":[]}')
    assert refused(answer) == (403, "Extension.InvalidExtensionName", "Empty extension name")


def test_name_is_no_longer_than_that_of_a_file() -> None:
    answer = Sandbox().register("n" * 256)
    assert refused(answer)[:2] == (403, "Extension.InvalidExtensionName")
    assert Sandbox().register("n" * 255, "INVOKE").status == 200


def test_external_extension_registers_once() -> None:
    sandbox = Sandbox()
    sandbox.joined()
    assert refused(sandbox.register()) == (
        403,
        "Extension.InvalidExtensionState",
        illegal("Registered", "Registered", "agent"),
    )


def test_internal_extensions_have_names_of_their_own() -> None:
    sandbox = Sandbox()
    sandbox.joined("wrapper", "INVOKE")
    assert refused(sandbox.register("wrapper", "INVOKE")) == (
        403,
        "Extension.InvalidExtensionState",
        "Extension with this name already registered",
    )


def test_a_sandbox_has_ten_extensions_at_most() -> None:
    sandbox = Sandbox(("agent",))
    for number in range(MAX_EXTENSIONS - 1):
        sandbox.joined(f"wrapper-{number}", "INVOKE")
    assert refused(sandbox.register("one-too-many", "INVOKE")) == (
        403,
        "Extension.TooManyExtensions",
        "Extension limit (10) reached",
    )


def test_registration_is_closed_when_init_is_over() -> None:
    sandbox = Sandbox()
    sandbox.extensions.init_over()
    assert sandbox.extensions.init_is_over
    assert refused(sandbox.register("wrapper", "INVOKE")) == (
        403,
        "Extension.RegistrationClosed",
        "Extension registration closed already",
    )


# events


def test_next_waits_for_an_invocation_and_gets_it() -> None:
    sandbox = Sandbox()
    identifier = sandbox.joined()
    answers = sandbox.next(identifier)
    assert answers == []
    sandbox.invoke()
    [answer] = answers
    assert (answer.status, answer.headers["Lambda-Extension-Identifier"]) == (200, identifier)
    assert answer.body == {
        "eventType": "INVOKE",
        "deadlineMs": 1_700_000_000_000,
        "requestId": "id-1",
        "invokedFunctionArn": ARN,
        "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1-a-b"},
    }


def test_invocation_without_a_trace_has_no_tracing() -> None:
    sandbox = Sandbox()
    answers = sandbox.next(sandbox.joined())
    sandbox.extensions.invoke("id-1", 1, ARN)
    assert "tracing" not in answers[0].body


def test_invocation_waits_for_who_has_not_asked_yet() -> None:
    sandbox = Sandbox()
    identifier = sandbox.joined()
    sandbox.invoke("id-1")
    sandbox.invoke("id-2")
    assert [answer.body["requestId"] for answer in sandbox.next(identifier)] == ["id-1"]
    assert sandbox.awaited() == {"agent"}
    assert [answer.body["requestId"] for answer in sandbox.next(identifier)] == ["id-2"]
    assert sandbox.awaited() == {"agent"}
    assert sandbox.next(identifier) == []
    assert sandbox.awaited() == set()


def test_only_those_who_registered_for_an_event_get_it() -> None:
    sandbox = Sandbox(("invoked", "told"))
    invoked = sandbox.next(sandbox.joined("invoked", "INVOKE"))
    told = sandbox.next(sandbox.joined("told", "SHUTDOWN"))
    sandbox.invoke()
    assert ([one.body["eventType"] for one in invoked], told) == (["INVOKE"], [])
    assert sandbox.extensions.shutdown(ShutdownReason.SPINDOWN, 1) == {"told"}
    assert [one.body for one in told] == [
        {"eventType": "SHUTDOWN", "deadlineMs": 1, "shutdownReason": "spindown"}
    ]
    assert len(invoked) == 1


def test_shutdown_takes_the_place_of_an_invocation_that_was_not_fetched() -> None:
    sandbox = Sandbox()
    identifier = sandbox.joined()
    sandbox.invoke()
    assert sandbox.extensions.shutdown(ShutdownReason.TIMEOUT, 7) == {"agent"}
    assert sandbox.awaited() == set()
    [answer] = sandbox.next(identifier)
    assert (answer.body["eventType"], answer.body["shutdownReason"]) == ("SHUTDOWN", "timeout")


def test_next_while_one_waits_is_refused_and_the_first_still_gets_its_event() -> None:
    sandbox = Sandbox()
    identifier = sandbox.joined()
    first = sandbox.next(identifier)
    [second] = sandbox.next(identifier)
    assert refused(second) == (
        403,
        "Extension.InvalidExtensionState",
        illegal("Ready", "Ready", identifier),
    )
    sandbox.invoke()
    assert len(first) == 1


# who is waited for


def test_init_waits_for_each_extension_until_its_first_next() -> None:
    sandbox = Sandbox(("agent", "other"))
    assert sandbox.awaited() == {"agent", "other"}
    agent = sandbox.joined("agent")
    wrapper = sandbox.joined("wrapper", "INVOKE")
    assert sandbox.awaited() == {"agent", "other", "wrapper"}
    assert sandbox.extensions.unregistered() == {"other"}
    sandbox.next(agent)
    sandbox.next(wrapper)
    assert sandbox.awaited() == {"other"}
    sandbox.next(sandbox.joined("other"))
    assert sandbox.awaited() == set()


def test_invocation_waits_for_those_who_got_it() -> None:
    sandbox = Sandbox(("agent", "other"))
    agent = sandbox.joined("agent")
    sandbox.next(agent)
    sandbox.next(sandbox.joined("other", "SHUTDOWN"))
    sandbox.invoke()
    assert sandbox.awaited() == {"agent"}
    sandbox.next(agent)
    assert sandbox.awaited() == set()


def test_owner_is_told_of_each_registration_next_and_error() -> None:
    sandbox = Sandbox()
    identifier = sandbox.joined()
    assert sandbox.changes == 1
    sandbox.next(identifier)
    assert sandbox.changes == 2
    sandbox.error(EXIT_ERROR, identifier, "Extension.Oops")
    assert sandbox.changes == 3


# errors


@pytest.mark.parametrize(
    ("path", "phase", "state"),
    [
        (INIT_ERROR, ErrorPhase.INIT, ExtensionState.INIT_ERROR),
        (EXIT_ERROR, ErrorPhase.EXIT, ExtensionState.EXIT_ERROR),
    ],
)
def test_error_is_told_once_and_no_further_call_succeeds(
    path: bytes, phase: ErrorPhase, state: ExtensionState
) -> None:
    sandbox = Sandbox()
    identifier = sandbox.joined()
    for error_type in ("Extension.First", "Extension.Second"):
        answer = sandbox.error(path, identifier, error_type)
        assert (answer.status, answer.body) == (202, {"status": "OK"})
    assert sandbox.errors == [("agent", "Extension.First", phase)]
    assert sandbox.extensions.registered[0].state is state
    assert sandbox.extensions.registered[0].error_type == "Extension.First"
    [after] = sandbox.next(identifier)
    assert refused(after)[:2] == (403, "Extension.InvalidExtensionState")
    assert sandbox.awaited() == {"agent"}
    assert sandbox.extensions.shutdown(ShutdownReason.FAILURE, 1) == frozenset()


def test_init_error_is_too_late_after_the_first_next() -> None:
    sandbox = Sandbox()
    identifier = sandbox.joined()
    sandbox.next(identifier)
    answer = sandbox.error(INIT_ERROR, identifier, "Extension.Oops")
    assert refused(answer)[:2] == (403, "Extension.InvalidExtensionState")
    assert sandbox.errors == []


def test_type_of_an_error_is_cut_before_anybody_is_told() -> None:
    here = Sandbox()
    assert here.error(INIT_ERROR, here.joined(), "E" * 1_000_000).status == 202
    assert here.errors == [("agent", "E" * MOST_ERROR_TYPE, ErrorPhase.INIT)]
    assert here.extensions.registered[0].error_type == "E" * MOST_ERROR_TYPE


def test_error_needs_its_type() -> None:
    sandbox = Sandbox()
    identifier = sandbox.joined()
    assert refused(sandbox.error(EXIT_ERROR, identifier, "")) == (
        403,
        "Extension.MissingHeader",
        "Lambda-Extension-Function-Error-Type not found",
    )
    assert sandbox.errors == []


def test_event_is_not_sent_to_who_reported_an_error_while_it_waited() -> None:
    sandbox = Sandbox()
    identifier = sandbox.joined()
    answers = sandbox.next(identifier)
    sandbox.error(EXIT_ERROR, identifier, "Extension.Oops")
    sandbox.invoke()
    assert answers == []


@pytest.mark.parametrize(
    ("identifier", "error_type", "message"),
    [
        (
            "",
            "Extension.MissingExtensionIdentifier",
            "Missing Lambda-Extension-Identifier header",
        ),
        (
            "no-uuid",
            "Extension.InvalidExtensionIdentifier",
            "Invalid Lambda-Extension-Identifier",
        ),
        (FIRST_ID, "Extension.UnknownExtensionIdentifier", f"Unknown extension {FIRST_ID}"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [(b"GET", NEXT), (b"POST", INIT_ERROR), (b"POST", EXIT_ERROR)]
)
def test_caller_must_be_known(
    method: bytes, path: bytes, identifier: str, error_type: str, message: str
) -> None:
    headers = {b"lambda-extension-identifier": identifier.encode()} if identifier else {}
    [answer] = Sandbox().ask(method, path, headers)
    assert refused(answer) == (403, error_type, message)


def test_identifier_may_be_in_capitals() -> None:
    sandbox = Sandbox()
    identifier = sandbox.joined()
    sandbox.next(identifier.upper())
    assert sandbox.awaited() == set()


# the sandbox's reset


def test_reset_begins_a_new_init_with_new_identifiers() -> None:
    sandbox = Sandbox()
    before = sandbox.joined()
    waiting = sandbox.next(before)
    sandbox.joined("wrapper", "INVOKE")
    sandbox.invoke()
    waiting.clear()
    sandbox.extensions.reset()
    assert (sandbox.extensions.registered, sandbox.extensions.internal) == ((), ())
    assert sandbox.awaited() == {"agent"}
    [old] = sandbox.next(before)
    assert refused(old)[1] == "Extension.UnknownExtensionIdentifier"
    assert sandbox.joined() != before
    assert waiting == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (b"GET", REGISTER),
        (b"POST", NEXT),
        (b"POST", b"/2020-01-01/extension/other"),
        (b"GET", b"/2018-06-01/runtime/invocation/next"),
        (b"PUT", b"/2022-07-01/telemetry"),
    ],
)
def test_other_requests_are_left_to_others(method: bytes, path: bytes) -> None:
    sandbox = Sandbox()
    replies: list[bytes] = []
    assert not sandbox.extensions.answer(method, path, {}, b"", replies.append)
    assert (replies, sandbox.changes) == ([], 0)
