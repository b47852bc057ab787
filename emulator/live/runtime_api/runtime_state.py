"""States of one runtime as its calls of the Runtime API show them, and which call is legal when.

It owns the table of moves and nothing else: neither connections nor requests. The states' names
and the words of a refusal are those of AWS's open Runtime Interface Emulator.
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto

from emulator.live.runtime_api.http import Refusal


class RuntimeState(StrEnum):
    """Lists what a runtime can be about."""

    STARTED = "Started"
    """Its init is under way: it has never asked for `next`."""
    READY = "Ready"
    """It asked for `next` and waits."""
    RUNNING = "Running"
    """It was given an invocation, or will be when it asks for `next`."""
    STREAMING = "InvocationResponse"
    """It sends the response of its invocation in pieces."""
    RESPONDED = "ResponseSent"
    """It has answered its invocation and not yet asked for `next`."""


class RuntimeCall(Enum):
    """Lists what moves a runtime from one state to another."""

    NEXT = auto()
    DISPATCH = auto()
    """The emulator hands it an invocation."""
    BEGIN_STREAM = auto()
    RESPONSE = auto()
    """It answers in one piece."""
    END_STREAM = auto()
    """Its response in pieces has ended, or its connection did amid one."""
    ERROR = auto()
    INIT_ERROR = auto()


_S, _C = RuntimeState, RuntimeCall
_MOVES = {
    _C.NEXT: ({_S.STARTED, _S.READY, _S.RESPONDED}, _S.READY),
    _C.DISPATCH: (set(_S), _S.RUNNING),
    _C.BEGIN_STREAM: ({_S.RUNNING}, _S.STREAMING),
    _C.RESPONSE: ({_S.RUNNING}, _S.RESPONDED),
    _C.END_STREAM: ({_S.STREAMING}, _S.RESPONDED),
    # a runtime may report an error on a second connection amid the pieces of a response
    _C.ERROR: ({_S.RUNNING, _S.STREAMING}, _S.RESPONDED),
    _C.INIT_ERROR: ({_S.STARTED}, _S.STARTED),
}
"""From which states a call is legal, and where it leads."""
_NAMES = {
    _C.INIT_ERROR: "InitError",
    _C.RESPONSE: "InvocationResponse",
    _C.ERROR: "InvocationErrorResponse",
}
"""What a refusal calls the states that are passed through."""


def may(state: RuntimeState, call: RuntimeCall) -> bool:
    """Returns whether the call is legal in this state."""
    return state in _MOVES[call][0]


def moved(state: RuntimeState, call: RuntimeCall) -> RuntimeState:
    """Returns the state to which a legal call leads."""
    assert may(state, call), f"{call} in {state}"
    return _MOVES[call][1]


def out_of_turn(state: RuntimeState, call: RuntimeCall) -> Refusal:
    """Returns what a runtime is told whose call is not legal in this state."""
    after = _NAMES.get(call, _MOVES[call][1])
    return Refusal(
        "InvalidStateTransition",
        f"State transition from {state} to {after} failed for runtime. "
        "Error: State transition is not allowed",
    )
