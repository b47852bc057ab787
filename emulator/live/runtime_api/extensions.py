"""Serves one sandbox Lambda's Extensions API, and tells for which extensions its phases wait.

It does no IO and knows neither connections nor the runtime: a request is a call of `answer`, and a
long poll is a reply that is kept until there is an event. Sources: the developer guide's "Using the
Lambda Extensions API to create extensions" (version 2020-01-01); error types, their words and the
moves of an extension are those of AWS's open Runtime Interface Emulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from emulator.live.runtime_api.error_report import reported_error
from emulator.live.runtime_api.extension import (
    Call,
    Extension,
    ExtensionEvent,
    ExtensionState,
    wanted_events,
)
from emulator.live.runtime_api.http import ACCEPTED, Refusal, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.live.runtime_api.http import Headers, Reply

MAX_EXTENSIONS = 10
"""External and internal extensions together."""
MOST_NAME = 255
"""Characters of an extension's name, which AWS's guide has as that of its file: Linux allows no
file a longer one."""

_IDENTIFIER = "Lambda-Extension-Identifier"
_ERROR_TYPE = "Lambda-Extension-Function-Error-Type"


class ErrorPhase(StrEnum):
    """Lists the two errors that an extension can report."""

    INIT = "init"
    EXIT = "exit"


class ShutdownReason(StrEnum):
    """Lists why a sandbox's processes are ended, as SHUTDOWN says it."""

    SPINDOWN = "spindown"
    TIMEOUT = "timeout"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class FunctionIdentity:
    """Holds what an extension learns of its function when it registers."""

    name: str
    version: str
    handler: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Registration:
    """Holds what `platform.extension` says of one extension."""

    name: str
    external: bool
    state: ExtensionState
    events: tuple[str, ...]
    error_type: str


class Extensions:
    """Keeps all extensions of one sandbox.

    `names` are the file names of the external extensions, whose processes have been started.
    `on_change` is called after each registration, `next` and error; before it, after an error,
    `on_error` is called with the extension's name, the error type and the phase. `new_identifier`
    makes UUIDs as text.
    """

    def __init__(
        self,
        function: FunctionIdentity,
        names: Iterable[str],
        new_identifier: Callable[[], str],
        on_change: Callable[[], None],
        on_error: Callable[[str, str, ErrorPhase], None],
    ) -> None:
        self.external = tuple(names)
        self._function = function
        self._new_identifier = new_identifier
        self._on_change = on_change
        self._on_error = on_error
        self._extensions: dict[str, Extension] = {}
        self._closed = False
        self.reset()

    # what the engine asks and tells

    @property
    def registered(self) -> tuple[Registration, ...]:
        """The extensions that have registered, external ones first, failed ones included."""
        return tuple(
            Registration(one.name, one.external, one.state, one.events, one.error_type)
            for one in self._extensions.values()
            if one.state is not ExtensionState.STARTED
        )

    @property
    def internal(self) -> tuple[str, ...]:
        return tuple(one.name for one in self._extensions.values() if not one.external)

    @property
    def has_any(self) -> bool:
        return bool(self._extensions)

    def awaited(self) -> frozenset[str]:
        """Returns the names of the extensions that the present phase has to wait for.

        An init waits for each extension's first `next`, an invocation for the next `next` of each
        extension that was given it. An extension that reported an error is awaited for ever: the
        owner of the sandbox ends its processes, which is `reset`.
        """
        return frozenset(one.name for one in self._extensions.values() if one.owes_next)

    def unregistered(self) -> frozenset[str]:
        """Returns the names of the extensions that have to register before the runtime starts."""
        return frozenset(
            one.name for one in self._extensions.values() if one.state is ExtensionState.STARTED
        )

    @property
    def init_is_over(self) -> bool:
        """Returns whether it is too late to register, and to subscribe to telemetry."""
        return self._closed

    def init_over(self) -> None:
        """Closes the registration, as the first invocation does too."""
        self._closed = True

    def invoke(
        self, request_id: str, deadline_ms: int, function_arn: str, trace_id: str = ""
    ) -> None:
        """Hands INVOKE to each extension that registered for it, as soon as it asks for `next`.

        `deadline_ms` is in epoch milliseconds.
        """
        self.init_over()
        event = {
            "eventType": ExtensionEvent.INVOKE,
            "deadlineMs": deadline_ms,
            "requestId": request_id,
            "invokedFunctionArn": function_arn,
        }
        if trace_id:
            event["tracing"] = {"type": "X-Amzn-Trace-Id", "value": trace_id}
        for one in self._registered_for(ExtensionEvent.INVOKE):
            one.owes_next = True
            one.events_due.append(event)
            _hand_over(one)

    def shutdown(self, reason: ShutdownReason, deadline_ms: int) -> frozenset[str]:
        """Hands SHUTDOWN to the extensions that registered for it; returns whose ends to await.

        An INVOKE that was not fetched by now is void, and no `next` is awaited any more.
        """
        self.init_over()
        event = {
            "eventType": ExtensionEvent.SHUTDOWN,
            "deadlineMs": deadline_ms,
            "shutdownReason": reason,
        }
        for one in self._extensions.values():
            one.owes_next = False
            one.events_due.clear()
        told = self._registered_for(ExtensionEvent.SHUTDOWN)
        for one in told:
            one.events_due.append(event)
            _hand_over(one)
        return frozenset(one.name for one in told)

    def reset(self) -> None:
        """Begins a new init: all processes of the sandbox were killed."""
        self._extensions = {name: Extension(name, external=True) for name in self.external}
        self._closed = False

    def caller(self, headers: Headers) -> Extension | Refusal:
        """Returns the extension whose identifier a request carries."""
        identifier = headers.get(_IDENTIFIER.lower().encode(), b"").decode("latin-1")
        if not identifier:
            error_type = "Extension.MissingExtensionIdentifier"
            return Refusal(error_type, f"Missing {_IDENTIFIER} header")
        try:
            asked = str(UUID(identifier))
        except ValueError:
            return Refusal("Extension.InvalidExtensionIdentifier", f"Invalid {_IDENTIFIER}")
        for one in self._extensions.values():
            if one.identifier == asked:
                return one
        return Refusal("Extension.UnknownExtensionIdentifier", f"Unknown extension {asked}")

    # what extensions ask for

    def answer(
        self, method: bytes, path: bytes, headers: Headers, body: bytes, reply: Reply
    ) -> bool:
        """Answers one whole request, now or later; returns False for one of another API."""
        match method, path.partition(b"?")[0]:
            case b"POST", b"/2020-01-01/extension/register":
                reply(self._register(headers, body))
            case b"GET", b"/2020-01-01/extension/event/next":
                self._next(headers, reply)
            case b"POST", b"/2020-01-01/extension/init/error":
                self._error(headers, ErrorPhase.INIT, reply)
            case b"POST", b"/2020-01-01/extension/exit/error":
                self._error(headers, ErrorPhase.EXIT, reply)
            case _:
                return False
        self._on_change()
        return True

    def _register(self, headers: Headers, body: bytes) -> bytes:
        name = headers.get(b"lambda-extension-name", b"").decode("latin-1")
        if not name:
            return Refusal("Extension.InvalidExtensionName", "Empty extension name").response()
        if len(name) > MOST_NAME:
            message = f"Extension name has more than {MOST_NAME} characters"
            return Refusal("Extension.InvalidExtensionName", message).response()
        events = wanted_events(body, external=name in self.external)
        if isinstance(events, Refusal):
            return events.response()
        refusal = self._registration_refusal(name)
        if refusal is not None:
            return refusal.response()
        one = self._extensions.setdefault(name, Extension(name, external=False))
        one.register(str(UUID(self._new_identifier())), events)
        return json_response(200, self._identity(headers), {_IDENTIFIER: one.identifier})

    def _registration_refusal(self, name: str) -> Refusal | None:
        """Returns why an extension of this name may not register now; None if it may."""
        known = self._extensions.get(name)
        if known is not None and known.external:
            legal = known.may(Call.REGISTER)
            return None if legal else known.refusal(Call.REGISTER, known.name)
        if self._closed:
            message = "Extension registration closed already"
            return Refusal("Extension.RegistrationClosed", message)
        if known is not None:
            message = "Extension with this name already registered"
            return Refusal("Extension.InvalidExtensionState", message)
        if len(self._extensions) >= MAX_EXTENSIONS:
            message = f"Extension limit ({MAX_EXTENSIONS}) reached"
            return Refusal("Extension.TooManyExtensions", message)
        return None

    def _identity(self, headers: Headers) -> dict[str, str]:
        identity = {
            "functionName": self._function.name,
            "functionVersion": self._function.version,
            "handler": self._function.handler,
        }
        features = headers.get(b"lambda-extension-accept-feature", b"").split(b",")
        wanted = b"accountId" in (feature.strip() for feature in features)
        if wanted and self._function.account_id:
            identity["accountId"] = self._function.account_id
        return identity

    def _next(self, headers: Headers, reply: Reply) -> None:
        one = self.caller(headers)
        if isinstance(one, Refusal):
            reply(one.response())
        elif not one.may(Call.NEXT):
            reply(one.refusal(Call.NEXT, one.identifier).response())
        else:
            one.move(Call.NEXT)
            one.pending_reply = reply
            # an extension that fetches an event now still owes the `next` that ends its work
            one.owes_next = one.owes_next and bool(one.events_due)
            _hand_over(one)

    def _error(self, headers: Headers, phase: ErrorPhase, reply: Reply) -> None:
        one = self.caller(headers)
        error_type = headers.get(_ERROR_TYPE.lower().encode(), b"").decode("latin-1")
        call = Call.INIT_ERROR if phase is ErrorPhase.INIT else Call.EXIT_ERROR
        if isinstance(one, Refusal):
            reply(one.response())
        elif not error_type:
            reply(Refusal("Extension.MissingHeader", f"{_ERROR_TYPE} not found").response())
        elif not one.may(call):
            reply(one.refusal(call, one.identifier).response())
        else:
            one.move(call)
            reply(ACCEPTED)
            if not one.error_type:  # only the first is taken
                one.error_type = reported_error(error_type, b"")
                self._on_error(one.name, one.error_type, phase)

    def _registered_for(self, event: ExtensionEvent) -> list[Extension]:
        return [one for one in self._extensions.values() if one.takes_part_in(event)]


def _hand_over(one: Extension) -> None:
    if one.pending_reply is None or not one.events_due:
        return
    one.move(Call.FETCH)
    reply, one.pending_reply = one.pending_reply, None
    reply(json_response(200, one.events_due.popleft(), {_IDENTIFIER: one.identifier}))
