"""Holds what a template says of a function's asynchronous events, as Lambda keeps that."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from emulator.core.version_key import LATEST
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_names import FunctionName
    from emulator.live.store.resources import Document


@dataclass(frozen=True, slots=True)
class TemplateEvents:
    """Holds the members of calls that `sam deploy` makes beside CreateFunction."""

    event_invoke: Mapping[str, Any] = field(default_factory=dict)
    """Members of PutFunctionEventInvokeConfig without the function; empty: the defaults."""
    dead_letters: str = ""
    """ARN of the dead-letter queue or topic; empty: none."""

    @property
    def members(self) -> dict[str, Any]:
        """Returns what stands in the function's own configuration."""
        return {"DeadLetterConfig": {"TargetArn": self.dead_letters}} if self.dead_letters else {}

    def document(self, time_of_day: str) -> Document | None:
        """Returns what is kept of the function's event settings; None where there are none."""
        if not self.event_invoke:
            return None
        modified = datetime.fromisoformat(time_of_day).timestamp()
        return {**self.event_invoke, "LastModified": modified}


NO_EVENTS = TemplateEvents()


def event_invoke_key(function: FunctionName) -> Key:
    """Returns where the event settings of a function's unpublished version are kept."""
    return Key(function.scope, Kind.EVENT_INVOKE_CONFIG, function.name, LATEST)
