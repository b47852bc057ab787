"""Invokes functions of the catalogue by their ARN, for those who have no client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.asynchronous.rules import EventSettings
from emulator.core.function_names import NameFault, named_by_arn
from emulator.core.version_key import LATEST
from emulator.errors import InvalidParameterValueError
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from emulator.core.function_names import Reference
    from emulator.live.engine import Engine
    from emulator.live.functions.targets import Targets
    from emulator.live.invocation import Outcome
    from emulator.live.store.resources import Document, Resources


class FunctionInvoker:
    """Satisfies `asynchronous.invoker.Invoker` with functions of every account and region."""

    def __init__(self, targets: Targets, engine: Engine, resources: Resources) -> None:
        self._targets = targets
        self._engine = engine
        self._resources = resources

    async def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        request_id: str = "",
        trace_id: str = "",
        client_context: str = "",
        tenant: str = "",
    ) -> Outcome:
        """Makes the version ready that the ARN means now, if need be, and invokes that.

        Raises:
            ServiceError: there is no such version, or it cannot be invoked now.
        """
        target = self._targets.get(function_arn)
        if target is None:
            target = await self._targets.find(function_arn, _reference(function_arn))
        return await self._engine.invoke(
            target.choose(),
            payload,
            request_id=request_id,
            trace_id=trace_id,
            client_context=client_context,
            alias=target.alias,
            arn=target.arn,
            tenant=tenant,
        )

    def role(self, function_arn: str) -> str:
        """Returns the ARN of the role that a function, version or alias runs with."""
        return str(self._members(_reference(function_arn)).get("Role", ""))

    def settings(self, function_arn: str) -> EventSettings:
        """Returns what is set for asynchronous events of the function."""
        asked = _reference(function_arn)
        config = self._document(Kind.EVENT_INVOKE_CONFIG, asked, asked.qualifier or LATEST)
        destinations = config.get("DestinationConfig", {})
        reserved = self._document(Kind.CONCURRENCY, asked)
        return EventSettings(
            retry_attempts=config.get("MaximumRetryAttempts"),
            longest_age=config.get("MaximumEventAgeInSeconds"),
            on_success=destinations.get("OnSuccess", {}).get("Destination", ""),
            on_failure=destinations.get("OnFailure", {}).get("Destination", ""),
            dead_letters=self._dead_letters(asked),
            barred=reserved.get("ReservedConcurrentExecutions") == 0,
            allows_loops=self._document(Kind.RECURSION, asked).get("RecursiveLoop") == "Allow",
        )

    def _document(self, kind: Kind, asked: Reference, qualifier: str = "") -> Document:
        function = asked.function
        return self._resources.get(Key(function.scope, kind, function.name, qualifier)) or {}

    def _dead_letters(self, asked: Reference) -> str:
        """Returns the dead-letter queue or topic of the version that is asked for."""
        found = self._members(asked).get("DeadLetterConfig") or {}
        target: str = found.get("TargetArn", "")
        return target

    def _members(self, asked: Reference) -> Document:
        """Returns the configuration of a version, or of the one that an alias names."""
        qualifier = asked.qualifier or LATEST
        alias = self._document(Kind.ALIAS, asked, qualifier)
        version = self._document(Kind.VERSION, asked, alias.get("version", qualifier))
        found: Document = version.get("members", {})
        return found


def _reference(function_arn: str) -> Reference:
    try:
        return named_by_arn(function_arn)
    except NameFault as fault:
        raise InvalidParameterValueError(str(fault)) from fault
