"""Holds the states of one runtime, and which of its calls is legal in which state.

It owns the table of moves and nothing else: neither connections nor requests. The states' names
and the words of a refusal are those of AWS's open Runtime Interface Emulator.
"""

from __future__ import annotations

from enum import Enum, StrEnum

from emulator.live.runtime_api.http import Refusal


class RuntimeState(StrEnum):
    """Lists what a runtime can be about."""

    STARTED = "Started"
    """Its init is under way: it has never asked for `next`."""
    READY = "Ready"
    """Has asked for `next`, and waits."""
    RUNNING = "Running"
    """Has been given an invocation."""
    STREAMING = "InvocationResponse"
    """Sends the response of its invocation in pieces."""
    RESPONDED = "ResponseSent"
    """Has answered its invocation and not yet asked for `next`."""


_S = RuntimeState


class RuntimeCall(Enum):
    """Lists what moves a runtime: from which states that is legal, and where it leads.

    A member has its moves itself, since a table would hash two enums at each step of an invocation.
    """

    NEXT = (_S.STARTED, _S.READY, _S.RESPONDED), _S.READY, "Ready"
    DISPATCH = (_S.READY,), _S.RUNNING, "Running"
    """The emulator hands it an invocation."""
    BEGIN_STREAM = (_S.RUNNING,), _S.STREAMING, "InvocationResponse"
    RESPONSE = (_S.RUNNING,), _S.RESPONDED, "InvocationResponse"
    """Answers in one piece."""
    END_STREAM = (_S.STREAMING,), _S.RESPONDED, "ResponseSent"
    """Its response in pieces has ended, or its connection did amid one."""
    # a runtime may report an error on a second connection amid the pieces of a response
    ERROR = (_S.RUNNING, _S.STREAMING), _S.RESPONDED, "InvocationErrorResponse"
    RESTORE_NEXT = (_S.STARTED,), _S.STARTED, "Restoring"
    """Waits for its restore, which is over when the call is answered."""
    RESTORE_ERROR = (_S.STARTED,), _S.STARTED, "RestoreError"
    INIT_ERROR = (_S.STARTED,), _S.STARTED, "InitError"

    def __init__(self, before: tuple[RuntimeState, ...], after: RuntimeState, told: str) -> None:
        self.before = before
        self.after = after
        self.told = told
        """What a refusal calls the state to which the call would lead."""

    def refusal(self, state: RuntimeState) -> Refusal:
        """Returns what a runtime is told that makes this call in a state where it is not legal."""
        return Refusal(
            "InvalidStateTransition",
            f"State transition from {state} to {self.told} failed for runtime. "
            "Error: State transition is not allowed",
        )
