"""Invokes what an engine has deployed, without a catalogue and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.asynchronous.rules import EventSettings
from emulator.core.model import LATEST, VersionKey

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from emulator.live.engine import Engine
    from emulator.live.invocation import Outcome

_NAME, _QUALIFIER = 6, 7
"""Places in a function's ARN."""


def version_key(function_arn: str) -> VersionKey:
    """Returns the key of the version that an ARN names; without a qualifier, $LATEST's."""
    parts = function_arn.split(":")
    return VersionKey.of(parts[_NAME], parts[_QUALIFIER] if len(parts) > _QUALIFIER else LATEST)


class EngineInvoker:
    """Invokes what the engine has deployed, and knows no settings but reserved concurrency."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
        return self._engine.invoke(
            version_key(function_arn),
            payload,
            request_id=request_id,
            trace_id=trace_id,
            client_context=client_context,
            tenant=tenant,
        )

    def role(self, function_arn: str) -> str:
        raise NotImplementedError(function_arn)

    def settings(self, function_arn: str) -> EventSettings:
        configuration = self._engine.functions.get(version_key(function_arn))
        barred = configuration is not None and configuration.reserved_concurrency == 0
        return EventSettings(barred=barred)
