"""Holds what `testbed tune` is asked for, and refuses what is wrong with that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.profiles import PROFILES
from emulator.errors import SettingsError
from emulator.experiments.plan.template import StudyTemplate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.experiments.analysis.memory_choice import Strategy

_LEAST_SIZES = 2
_LEAST_INVOCATIONS = 5


@dataclass(frozen=True, slots=True)
class Tuning:
    """Says which function is tried, how, and what the best size is best at."""

    function: str
    payloads: tuple[bytes, ...]
    """JSON documents, used in turn."""
    memories: tuple[int, ...]
    """Sizes in MB, each once, in the order in which they are tried."""
    invocations: int
    """Number of invocations at each size."""
    strategy: Strategy
    weight: float
    """The cost's share of a balanced choice, from 0 to 1."""
    template: Path
    backend: str
    profile: str


def check(tuning: Tuning) -> StudyTemplate:
    """Reads the template of a tuning.

    Raises:
        SettingsError: the tuning cannot be made; the message tells all faults, a line each.
    """
    template = StudyTemplate(tuning.template)
    faults = [
        *_function_faults(tuning, template),
        *_memory_faults(tuning),
        *_number_faults(tuning),
        *_payload_faults(tuning),
    ]
    if faults:
        raise SettingsError("\n".join(faults))
    return template


def _function_faults(tuning: Tuning, template: StudyTemplate) -> Iterator[str]:
    if tuning.function not in template.functions:
        known = ", ".join(sorted(template.functions))
        yield f"{tuning.template} has no function {tuning.function}; it has {known}."


def _memory_faults(tuning: Tuning) -> Iterator[str]:
    if len(set(tuning.memories)) < _LEAST_SIZES:
        yield "--memory needs two sizes or more, such as 128,256,512."
    profile = PROFILES[tuning.profile]
    least, most, step = profile.least_memory_mb, profile.most_memory_mb, profile.memory_step_mb
    for memory_mb in tuning.memories:
        if not least <= memory_mb <= most or (memory_mb - least) % step:
            yield (
                f"--memory {memory_mb}: {tuning.profile} has {least} to {most} MB in steps of "
                f"{step}."
            )


def _number_faults(tuning: Tuning) -> Iterator[str]:
    if tuning.invocations < _LEAST_INVOCATIONS:
        yield (
            f"--invocations must be {_LEAST_INVOCATIONS} or more: a fifth is cut off at each end."
        )
    if not 0 <= tuning.weight <= 1:
        yield "--balanced-weight must be from 0 (speed alone) to 1 (cost alone)."


def _payload_faults(tuning: Tuning) -> Iterator[str]:
    for payload in tuning.payloads:
        try:
            json.loads(payload)
        except ValueError as error:
            yield f"--payload is no JSON ({error}): {payload[:60]!r}"
