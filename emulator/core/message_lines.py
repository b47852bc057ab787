"""Writes messages as JSON objects, `{"type": …}`; the journal's lines are made of these.

The messages of a warm invocation, nearly all of a journal, have a function each that knows their
fields: it takes a twentieth of the time of a general encoder. Knows nothing of reading.
"""

from __future__ import annotations

import json
from dataclasses import fields
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from emulator.core.messages.commands import Dispatch, FreezeSandbox
from emulator.core.messages.events import (
    InvocationAnswered,
    InvocationFinished,
    InvokeRequested,
    TimePassed,
)
from emulator.core.messages.measurements import MemoryUse

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.messages.commands import Command
    from emulator.core.messages.events import Event
    from emulator.core.model import Seconds

_INFINITE = float("inf")
_MEMORY = tuple(name for name in MemoryUse.__struct_fields__ if name != "jvm")
_text: Callable[[str], str] = encode_basestring_ascii


def message_line(message: Event | Command) -> str:
    """Returns a message as a JSON object, of which `type` is the message's class."""
    write = _WRITERS.get(type(message), _any)
    return write(message)


def number(value: Seconds) -> str:
    """Returns a number as JSON, or as Python's dialect where JSON has no word for the number."""
    return repr(value) if -_INFINITE < value < _INFINITE else json.dumps(value)


def _any(message: Event | Command) -> str:
    return _ENCODER.encode({"type": type(message).__name__} | _plain(message))


def _plain(value: Any) -> dict[str, Any]:
    """Returns the fields that make the value anew; a function's version is a dataclass."""
    if isinstance(value, MemoryUse) and value.jvm is None:  # as nearly always
        return {name: getattr(value, name) for name in _MEMORY}
    if isinstance(value, Struct):
        return structs.asdict(value)
    return {field.name: getattr(value, field.name) for field in fields(value) if field.init}


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_plain)


def _requested(event: InvokeRequested) -> str:
    invocation, key = _text(event.invocation), _text(event.key)
    line = f'{{"type":"InvokeRequested","invocation":{invocation},"key":{key}'
    if event.network or event.gateway:
        line += f',"network":{number(event.network)},"gateway":{number(event.gateway)}'
    if event.alias:
        line += f',"alias":{_text(event.alias)}'
    if event.tenant:
        line += f',"tenant":{_text(event.tenant)}'
    return line + "}"


def _answered(event: InvocationAnswered) -> str:
    invocation = _text(event.invocation)
    return f'{{"type":"InvocationAnswered","sandbox":{event.sandbox},"invocation":{invocation}}}'


def _finished(event: InvocationFinished) -> str:
    """Writes without the fields that most invocations leave at their defaults."""
    line = (
        f'{{"type":"InvocationFinished","sandbox":{event.sandbox},'
        f'"invocation":{_text(event.invocation)},"max_memory_mb":{event.max_memory_mb}'
    )
    if event.error_type:
        line += f',"error_type":{_text(event.error_type)}'
    if event.throttled or event.throttled_periods:
        periods = event.throttled_periods
        line += f',"throttled":{number(event.throttled)},"throttled_periods":{periods}'
    if event.memory is not None:
        line += f',"memory":{_ENCODER.encode(event.memory)}'
    return line + "}"


def _dispatch(command: Dispatch) -> str:
    invocation, start = _text(command.invocation), _text(command.start)
    return (
        f'{{"type":"Dispatch","sandbox":{command.sandbox},"invocation":{invocation},'
        f'"start":{start}}}'
    )


def _freeze(command: FreezeSandbox) -> str:
    return f'{{"type":"FreezeSandbox","sandbox":{command.sandbox}}}'


def _time_passed(_: TimePassed) -> str:
    return '{"type":"TimePassed"}'


_WRITERS: dict[type, Callable[[Any], str]] = {
    InvokeRequested: _requested,
    InvocationAnswered: _answered,
    InvocationFinished: _finished,
    Dispatch: _dispatch,
    FreezeSandbox: _freeze,
    TimePassed: _time_passed,
}
