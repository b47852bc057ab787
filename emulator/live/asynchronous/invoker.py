"""Invokes functions by their ARN for those who have no client: queues, pollers, destinations.

An ARN may have a qualifier, and means what the qualifier names at the time of each invocation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from emulator.core.asynchronous.rules import EventSettings
    from emulator.live.invocation import Outcome


class Invoker(Protocol):
    """Reaches the functions of every account and region."""

    def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        request_id: str = "",
        trace_id: str = "",
        client_context: str = "",
        tenant: str = "",
    ) -> Awaitable[Outcome]:
        """Begins an invocation; what is returned ends with its outcome.

        Raises:
            ResourceNotFoundError: there is no such version.
            ServiceError: the version cannot be invoked now.
        """

    def role(self, function_arn: str) -> str:
        """Returns the ARN of the role that a function, version or alias runs with."""

    def settings(self, function_arn: str) -> EventSettings:
        """Returns what a function, version or alias asks for its asynchronous events."""
