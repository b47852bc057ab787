"""Finds the group and the stream that a call names, and refuses in CloudWatch Logs' sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from emulator.api.services.calls import ServiceError
from emulator.core.function_names import Scope
from emulator.live.store.logs.groups import find_group, find_stream

if TYPE_CHECKING:
    import sqlite3

    from emulator.api.services.calls import Call
    from emulator.live.store.logs.groups import LogGroup, LogStream

_ARN = "arn:aws:logs:"
_RESOURCE = ":log-group:"


def scope_of(call: Call) -> Scope:
    """Returns the account and region that a call is made in."""
    return Scope(call.account, call.region)


def invalid(sentence: str) -> NoReturn:
    """Refuses a call for the value of a parameter.

    Raises:
        ServiceError: always.
    """
    raise ServiceError("InvalidParameterException", sentence)


def group_arn(scope: Scope, name: str) -> str:
    """Returns the ARN of a log group."""
    return f"{_ARN}{scope.region}:{scope.account}{_RESOURCE}{name}"


def named_group(call: Call) -> tuple[Scope, str]:
    """Returns the scope and the name of a call's group: `logGroupName` or `logGroupIdentifier`.

    Raises:
        ServiceError: the call has both, or neither.
    """
    name = call.arguments.get("logGroupName")
    identifier = call.arguments.get("logGroupIdentifier")
    if name is not None and identifier is not None:
        invalid("LogGroup name and LogGroup identifier are mutually exclusive parameters.")
    if name is not None:
        return scope_of(call), name
    if identifier is not None:
        return identified(call, identifier)
    return invalid("LogGroup name or LogGroup identifier must be provided.")


def identified(call: Call, identifier: str) -> tuple[Scope, str]:
    """Returns the scope and the name of a group that goes by its name or its ARN."""
    if not identifier.startswith(_ARN):
        return scope_of(call), identifier
    owner, _, name = identifier.removeprefix(_ARN).partition(_RESOURCE)
    region, _, account = owner.partition(":")
    return Scope(account, region), name.removesuffix(":*")


def existing_group(connection: sqlite3.Connection, scope: Scope, name: str) -> LogGroup:
    """Returns the log group of a name.

    Raises:
        ServiceError: there is no such group.
    """
    group = find_group(connection, scope, name)
    if group is None:
        raise ServiceError("ResourceNotFoundException", "The specified log group does not exist.")
    return group


def existing_stream(connection: sqlite3.Connection, group: int, name: str) -> LogStream:
    """Returns a group's log stream of a name.

    Raises:
        ServiceError: there is no such stream.
    """
    stream = find_stream(connection, group, name)
    if stream is None:
        raise ServiceError("ResourceNotFoundException", "The specified log stream does not exist.")
    return stream
