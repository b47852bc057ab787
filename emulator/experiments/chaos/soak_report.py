"""Writes what a soak saw: a page for people, a document for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from emulator.experiments.chaos.load import RIGHT
from emulator.experiments.chaos.slopes import GROWTH, slope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.chaos.soak import Soak

_INTRODUCTION = (
    "Written by `testbed soak --minutes {minutes:g}`. Clients asked at half the rate that they "
    "reach without a pause, while a function was deployed every ten seconds; the journal and the "
    "logs were at their limits (`--journal-limit`, `--log-limit`). The slope is that of a line "
    "through the means of twelve blocks, with its interval of 95 %. A quantity grows where the "
    "whole interval is above zero and the slope is more than {growth:.0%} of the mean in an hour."
)
_HEAD = "| backend | quantity | mean | slope per hour | interval | verdict |"


def failures(result: Soak) -> list[str]:
    """Returns what must not be, a sentence each."""
    found = []
    if wrong := result.answers.total() - result.answers[RIGHT]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in result.answers.items())
        found.append(f"{result.backend}: {wrong} requests were not answered rightly ({kinds}).")
    if refused := [status for status in result.deployments if not status.startswith("2")]:
        found.append(f"{result.backend}: deployments were answered with {', '.join(refused)}.")
    if not result.deployments:
        found.append(f"{result.backend}: nothing was deployed.")
    if result.left:
        found.append(f"{result.backend}: left: {'; '.join(result.left[:5])}.")
    return found


def soak_page(results: Sequence[Soak], minutes: float) -> str:
    """Returns the page as Markdown."""
    lines = [
        "# What grows while an emulator serves",
        "",
        _INTRODUCTION.format(minutes=minutes, growth=GROWTH),
        "",
        _HEAD,
        "|" + "---|" * (_HEAD.count("|") - 1),
    ]
    for result in results:
        lines += [_row(result, name, values) for name, values in result.series().items()]
    lines.append("")
    for result in results:
        lines.append(
            f"- {result.backend}: {result.answers[RIGHT]:,} right answers of "
            f"{result.answers.total():,}, at half of {result.capacity:,.0f} a second; "
            f"{result.deployments.total()} deployments."
        )
        lines += [f"- Failed: {failure}" for failure in failures(result)]
    return "\n".join(lines) + "\n"


def _row(result: Soak, name: str, values: Sequence[float]) -> str:
    found = slope(result.seconds, values)
    verdict = "grows" if found.grows else "flat"
    interval = f"{found.low:+.3g} to {found.high:+.3g}"
    cells = (result.backend, name, f"{found.mean:.4g}", f"{found.per_hour:+.3g}", interval, verdict)
    return f"| {' | '.join(cells)} |"


def soak_document(results: Sequence[Soak], minutes: float) -> dict[str, Any]:
    """Returns the results as JSON values."""
    return {
        "minutes": minutes,
        "soaks": [
            asdict(result)
            | {
                "slopes": {
                    name: asdict(slope(result.seconds, values))
                    for name, values in result.series().items()
                },
                "failures": failures(result),
            }
            for result in results
        ],
    }
