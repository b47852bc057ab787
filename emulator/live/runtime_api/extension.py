"""Keeps one extension of a sandbox: what it registers for, its legal moves, the events due to it.

It knows no other extension and does no IO. The states' names and the moves are those of AWS's open
Runtime Interface Emulator.
"""

from __future__ import annotations

import json
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from emulator.live.runtime_api.http import Refusal

if TYPE_CHECKING:
    from emulator.live.runtime_api.http import Reply


class ExtensionEvent(StrEnum):
    """Lists the events for which an extension can register."""

    INVOKE = "INVOKE"
    SHUTDOWN = "SHUTDOWN"


class ExtensionState(StrEnum):
    """Lists what an extension can be about."""

    STARTED = "Started"
    REGISTERED = "Registered"
    READY = "Ready"
    """Waits for its next event."""
    RUNNING = "Running"
    """Works on the event that it was given."""
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"


class Call(StrEnum):
    """Lists what moves an extension from one state to another."""

    REGISTER = "register"
    NEXT = "next"
    FETCH = "fetch"
    INIT_ERROR = "init error"
    EXIT_ERROR = "exit error"


_MOVES = {
    Call.REGISTER: ({ExtensionState.STARTED}, ExtensionState.REGISTERED),
    Call.NEXT: ({ExtensionState.REGISTERED, ExtensionState.RUNNING}, ExtensionState.READY),
    Call.FETCH: ({ExtensionState.READY}, ExtensionState.RUNNING),
    Call.INIT_ERROR: (
        {ExtensionState.REGISTERED, ExtensionState.INIT_ERROR},
        ExtensionState.INIT_ERROR,
    ),
    Call.EXIT_ERROR: (
        {
            ExtensionState.REGISTERED,
            ExtensionState.READY,
            ExtensionState.RUNNING,
            ExtensionState.EXIT_ERROR,
        },
        ExtensionState.EXIT_ERROR,
    ),
}
"""From which states a call is legal, and where it leads."""

_IN_ERROR = frozenset({ExtensionState.INIT_ERROR, ExtensionState.EXIT_ERROR})


class Extension:
    """Holds the state of one extension and the events that it has not fetched.

    An external extension begins when its process does, an internal one with its registration.
    """

    def __init__(self, name: str, *, external: bool) -> None:
        self.name = name
        self.external = external
        self.state = ExtensionState.STARTED
        self.identifier = ""
        """A UUID; empty until it has registered."""
        self.events: tuple[str, ...] = ()
        self.error_type = ""
        self.owes_next = True
        """Whether the sandbox's phase has to wait until it asks for its next event."""
        self.events_due: deque[dict[str, Any]] = deque()
        self.pending_reply: Reply | None = None
        """Answers its `next`, for which there is no event yet."""

    def register(self, identifier: str, events: tuple[str, ...]) -> None:
        self.move(Call.REGISTER)
        self.identifier = identifier
        self.events = events

    def may(self, call: Call) -> bool:
        return self.state in _MOVES[call][0]

    def move(self, call: Call) -> None:
        assert self.may(call), f"{self.name}: {call} in {self.state}"
        self.state = _MOVES[call][1]

    def takes_part_in(self, event: ExtensionEvent) -> bool:
        """Returns whether the extension registered for the event and has reported no error."""
        return event in self.events and self.state not in _IN_ERROR

    def refusal(self, call: Call, called: str) -> Refusal:
        """Returns what an extension is told whose call is not legal in its state.

        `called` is its name or its identifier, as AWS has it in this call.
        """
        return Refusal(
            "Extension.InvalidExtensionState",
            f"State transition from {self.state} to {_MOVES[call][1]} failed for extension "
            f"{called}. Error: State transition is not allowed",
        )


def wanted_events(body: bytes, *, external: bool) -> tuple[str, ...] | Refusal:
    """Returns the events that the body of a registration asks for, each once."""
    document = _document(body)
    if isinstance(document, Refusal):
        return document
    for event in document:
        if event not in set(ExtensionEvent):
            return Refusal("Extension.InvalidEventType", f"{event}: ErrorInvalidEventType")
        if event == ExtensionEvent.SHUTDOWN and not external:
            reason = "ShutdownEventNotSupportedForInternalExtension"
            return Refusal("Extension.InvalidEventType", f"{event}: {reason}")
    return tuple(dict.fromkeys(document))


def _document(body: bytes) -> list[str] | Refusal:
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        return Refusal("InvalidRequestFormat", str(error))
    if not isinstance(document, dict):
        return Refusal("InvalidRequestFormat", "the body is not a JSON object")
    if document.get("configurationKeys"):
        message = "configurationKeys are deprecated; use environment variables instead"
        return Refusal("InvalidRequestFormat", message)
    events = document.get("events") or []
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        return Refusal("InvalidRequestFormat", "events is not an array of strings")
    return events
