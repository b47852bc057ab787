"""Journals of a story of events, and their records; shared by the tests of the fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.journal import Entry
from emulator.core.messages.events import (
    Event,
    InvokeRequested,
    RuntimeExited,
    SandboxReset,
    VersionDeployed,
)
from emulator.core.messages.measurements import Anatomy, MemoryUse
from emulator.core.model import FunctionVersion
from emulator.core.record_fold import fold
from tests.core.scheduler_host import ECHO, Host

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from emulator.core.records import InvocationRecord

ANATOMY = Anatomy(0.1, 0.2, 0.3, 0.4)
Story = list[tuple[float, Event]]
MEMORY = MemoryUse(30, 5, 4, 3)
EXIT = RuntimeExited(1, 3, max_memory_mb=36, throttled=0.5, throttled_periods=7, memory=MEMORY)
USED = SandboxReset(1, max_memory_mb=36, throttled=0.5, throttled_periods=7, memory=MEMORY)


def record(*story: tuple[float, Event], **settings: Any) -> list[InvocationRecord]:
    return fold(journal(story, **settings))[0]


def journal(story: Iterable[tuple[float, Event]], **settings: Any) -> list[Entry]:
    host = Host(**settings)
    deployed = VersionDeployed(FunctionVersion("echo", 128, 3.0))
    return [
        Entry(at, event, tuple(host.tell(at, event))) for at, event in ((0.0, deployed), *story)
    ]


def asked(name: str) -> InvokeRequested:
    return InvokeRequested(name, ECHO)
