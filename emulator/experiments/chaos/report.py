"""Writes what chaos found: a page for people, a document for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from emulator.experiments.chaos.load import RIGHT
from emulator.experiments.chaos.trial import SERVICE_WITHIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.experiments.chaos.trial import Trial

_INTRODUCTION = (
    "Written by `{command}` on {machine}. Eight clients asked one function all the time, each "
    "request with a token of its own, so that a swapped answer would be seen. After each fault: is "
    "every request answered, and with its own answer; is service back within {within:g} s of the "
    "cause going away; is a container, network, process, cgroup, mount or rule of the packet "
    "filter left when the emulator has ended."
)
_SUMMARY = "**{} of {} trials passed**, {} failed, {} were skipped."
_HEAD = "| fault | backend | right | other answers | service after | left | verdict |"


def chaos_page(trials: Sequence[Trial], facts: Mapping[str, Any]) -> str:
    """Returns the page as Markdown."""
    failed = [trial for trial in trials if trial.failures]
    skipped = sum(1 for trial in trials if trial.skipped)
    lines = [
        "# What happens when things break",
        "",
        _INTRODUCTION.format(**facts, within=SERVICE_WITHIN),
        "",
        _SUMMARY.format(len(trials) - len(failed) - skipped, len(trials), len(failed), skipped),
        "",
        _HEAD,
        "|" + "---|" * (_HEAD.count("|") - 1),
        *map(_row, trials),
        "",
        "## What was done",
        "",
        *_descriptions(trials),
    ]
    if failed:
        lines += ["", "## What failed", ""]
        lines += [f"- {one.fault} ({one.backend}): {' '.join(one.failures)}" for one in failed]
    return "\n".join(lines) + "\n"


def _row(trial: Trial) -> str:
    if trial.skipped:
        return f"| {trial.fault} | {trial.backend} | | | | | skipped: {trial.skipped} |"
    others = ", ".join(
        f"{number:,} {kind}" for kind, number in sorted(trial.answers.items()) if kind != RIGHT
    )
    after = "never" if trial.served_after is None else f"{trial.served_after * 1000:.0f} ms"
    verdict = "failed" if trial.failures else "passed"
    right = f"{trial.answers.get(RIGHT, 0):,}"
    cells = (trial.fault, trial.backend, right, others, after, str(len(trial.left)), verdict)
    return f"| {' | '.join(cells)} |"


def _descriptions(trials: Sequence[Trial]) -> list[str]:
    by_fault: dict[str, list[Trial]] = {}
    for trial in trials:
        by_fault.setdefault(trial.fault, []).append(trial)
    return [
        " ".join(
            [f"- **{fault}**: {ones[0].what}"]
            + [f"On {one.backend}: {note}" for one in ones for note in one.notes]
        )
        for fault, ones in by_fault.items()
    ]


def chaos_document(trials: Sequence[Trial], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the results as JSON values."""
    return {**facts, "trials": [asdict(trial) for trial in trials]}
