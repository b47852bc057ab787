"""Defines what an API operation sees of the wire: its call, its errors, and who serves what.

Knows no protocol and no operation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emulator import errors


@dataclass(frozen=True, slots=True)
class Call:
    """Holds one call of an operation, checked against the service model."""

    service: str
    """The service as signatures name it: `lambda`, `logs`, `monitoring`."""
    operation: str
    arguments: Mapping[str, Any]
    """The input's members as the model names them; blobs are bytes, timestamps `datetime`."""
    region: str
    account: str
    caller: str | None
    """The access key id of the signature; None where the request is unsigned."""
    request_id: str
    host: str
    """The request's Host, for links in answers."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The request's headers, names in lower case."""


class ServiceError(errors.ServiceError):
    """Answers a call with an error of the service model.

    `members` are further ones of the error's shape (`Reason`); `Type` and the message are there
    without. `status` need not be given where the model has the code.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int | None = None,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self._code = code
        self._status = status
        self.members = members or {}
        self.headers = headers or {}

    @property
    def code(self) -> str:
        return self._code

    @property
    def status(self) -> int:
        return self._status or 400

    @property
    def stated_status(self) -> int | None:
        """Returns the status that was given; None leaves it to the model."""
        return self._status


Operation = Callable[[Call], Awaitable[Mapping[str, Any]]]
"""Runs a call; returns the output's members as the model names them.

Members that are None are left out of the answer.
"""


class Registry:
    """Knows which function serves which operation."""

    def __init__(self) -> None:
        self._operations: dict[tuple[str, str], Operation] = {}

    def add(self, service: str, operation: str, function: Operation) -> None:
        self._operations[service, operation] = function

    def add_all(self, service: str, functions: Mapping[str, Operation]) -> None:
        """Adds functions by the names of their operations."""
        for operation, function in functions.items():
            self.add(service, operation, function)

    def find(self, service: str, operation: str) -> Operation | None:
        """Returns who serves an operation; None where nobody does."""
        return self._operations.get((service, operation))

    @property
    def services(self) -> frozenset[str]:
        """Returns the services of which any operation is served."""
        return frozenset(service for service, _ in self._operations)

    def operations(self, service: str) -> frozenset[str]:
        """Returns the names of a service's operations that are served."""
        return frozenset(name for owner, name in self._operations if owner == service)
