"""A study's plan as facts: what is varied, under which load, and how often.

plan_file.py reads it, plan_faults.py says what in it cannot go together, plan_cells.py makes
cells of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.core.policy import PickOrder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

MINUTE = 60.0
IDLE_MINUTES = (0.0, 6.0, 16.0, 31.0, 61.0)
"""The study's."""
RAMP_USERS = (3, 6, 9, 18)
PROFILE_KEEP_ALIVE = "profile"
"""The value of the axis that means the profile's survival curve."""


class ScenarioKind(StrEnum):
    RAMP = "ramp"
    IDLE = "idle"
    CONSTANT = "constant"
    POISSON = "poisson"
    TRACE = "trace"
    KEEP_WARM = "keep-warm"


class Loading(StrEnum):
    """How a function comes by its model; the function reads it from MODEL_LOADING."""

    TEMPLATE = "template"
    """As the template has it: no variable is set."""
    PACKAGE = "package"
    LAYER = "layer"
    S3_INIT = "s3-init"
    S3_FIRST_REQUEST = "s3-first-request"
    S3_TMP = "s3-tmp"
    EVERY_REQUEST = "every-request"


S3_LOADINGS = frozenset({Loading.S3_INIT, Loading.S3_FIRST_REQUEST, Loading.S3_TMP})


@dataclass(frozen=True, slots=True)
class Ping:
    """The mitigation: requests that only keep sandboxes alive."""

    every_minutes: float
    """Of the emulator's time: idle speed-up and dilation apply."""
    parallel: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of load; a field that another kind needs has its default."""

    kind: ScenarioKind
    seconds: float = 0.0
    """Of emulated time, to the last request; 0 where requests alone say when it is over."""
    users: tuple[int, ...] = (1,)
    """Of a ramp its equal steps."""
    wait_s: float = 0.1
    """A user's pause from an answer to the next request."""
    minutes: tuple[float, ...] = ()
    """When single requests come, in a time that runs `idle_speedup` times faster."""
    rate: float = 0.0
    """Requests a second."""
    trace: Path | None = None
    idle_speedup: float = 1.0
    warm_up: int = 0
    """Requests before the first that counts."""
    ping: Ping | None = None


@dataclass(frozen=True, slots=True)
class PlannedFunction:
    """How one function is asked, and where its model is."""

    path: str = ""
    """Empty: its first POST route, else Invoke."""
    payload: Path | None = None
    """A JSON file; None: batches of KDD99 records."""
    model: Path | None = None
    """The folder that the S3 loadings find in their bucket, zipped."""


@dataclass(frozen=True, slots=True)
class Axes:
    function: tuple[str, ...] = ()
    memory_mb: tuple[int, ...] = ()
    loading: tuple[str, ...] = (Loading.TEMPLATE,)
    profile: tuple[str, ...] = ("aws-2025",)
    backend: tuple[str, ...] = ("auto",)
    keep_alive: tuple[str, ...] = (PROFILE_KEEP_ALIVE,)
    pick_order: tuple[str, ...] = (PickOrder.MOST_RECENTLY_USED,)


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    text: str
    """As it stands in its file."""
    raw: Mapping[str, Any]
    template: Path
    axes: Axes
    scenarios: tuple[Scenario, ...]
    functions: Mapping[str, PlannedFunction] = field(default_factory=dict)
    repetitions: int = 1
    seed: int = 0
    dilation: tuple[int, ...] = (1,)
    page_cache: tuple[str, ...] = ("hot",)
    init_timeout: float | None = None
    host_memory: int | None = None
