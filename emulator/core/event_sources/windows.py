"""Says which tumbling window a record belongs to, and what a window's invocations look like.

Sources: the developer guide, "Implementing stateful Kinesis Data Streams processing in Lambda" and
the same of DynamoDB (members, the state in the response, 1 MB, final invocations: H). That an
invocation that ends a window early has both flags is a reading of the guide's example (L).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.event_sources.shard import Batch
    from emulator.core.model import Seconds

MOST_STATE = 1_048_576
"""Bytes of a state; a window whose state is larger ends early."""
QUIET = 2.0
"""Seconds after a window's end, until which a shard must have been read to show that the window is
over. The guide waits "up to 2 minutes" where no record of a later window comes."""


@dataclass(frozen=True, slots=True)
class Window:
    """Holds a window's bounds, in seconds since the epoch; `end` belongs to the next."""

    start: Seconds
    end: Seconds


def window_of(arrived_at: Seconds, length: Seconds) -> Window:
    """Returns the window of a record by the time of its arrival; windows begin at the epoch."""
    start = math.floor(arrived_at / length) * length
    return Window(start, start + length)


def window_members(
    batch: Batch, state: Any, shard: str, source_arn: str, iso: Callable[[Seconds], str]
) -> dict[str, Any]:
    """Returns what a window adds to the event of a batch; nothing without a window.

    `iso` writes seconds since the epoch as ISO 8601, in whole seconds.
    """
    if batch.window is None:
        return {}
    return {
        "window": {"start": iso(batch.window.start), "end": iso(batch.window.end)},
        "state": state,
        "shardId": shard,
        "eventSourceARN": source_arn,
        "isFinalInvokeForWindow": batch.ends_window,
        "isWindowTerminatedEarly": batch.is_early,
    }


def state_in(response: bytes) -> Any:
    """Returns the state that a function answers with; None where there is none, a failure."""
    try:
        found = json.loads(response)
    except ValueError:
        return None
    return found.get("state") if isinstance(found, dict) else None


def is_too_large(state: Any) -> bool:
    """Returns whether a state ends its window early."""
    return len(json.dumps(state, separators=(",", ":"), ensure_ascii=False).encode()) > MOST_STATE
