"""Writes what `testbed tune` found, as text for people and as a document for scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.costs import MILLION
from emulator.experiments.analysis.memory_choice import Strategy, visualiser_link
from emulator.experiments.report.text import aligned_table

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.analysis.memory_choice import Choice, SizeSample
    from emulator.experiments.tune.tuning import Tuning

_BAR = 40
"""Number of characters of the longest bar."""
_SURE = 0.95


@dataclass(frozen=True, slots=True)
class TuneResults:
    """Holds the sizes that were tried, and the best of them."""

    tuning: Tuning
    samples: tuple[SizeSample, ...]
    choice: Choice
    run_dir: Path

    @property
    def best_mb(self) -> int:
        return self.samples[self.choice.place].memory_mb

    @property
    def link(self) -> str:
        """Address that draws the figures."""
        sizes = [size.memory_mb for size in self.samples]
        return visualiser_link(sizes, self.choice.times_ms, self.choice.dollars)


def tune_text(results: TuneResults) -> str:
    """Writes the table, the curve, the winner and how sure it is, with a line end at the end."""
    lines = [*_table(results), "", *_curve(results), "", _verdict(results)]
    return "\n".join([*lines, "", f"As a picture: {results.link}"]) + "\n"


def tune_document(results: TuneResults) -> dict[str, Any]:
    """Returns the figures as a document that JSON can hold; times are ms, shares of 1."""
    tuning, choice = results.tuning, results.choice
    figures = zip(results.samples, choice.times_ms, choice.dollars, choice.shares, strict=True)
    return {
        "function": tuning.function,
        "strategy": tuning.strategy.value,
        "balanced_weight": tuning.weight,
        "profile": tuning.profile,
        "invocations": tuning.invocations,
        "best_mb": results.best_mb,
        "confidence": choice.confidence,
        "sizes": [
            {
                "memory_mb": size.memory_mb,
                "time_ms": time_ms,
                "dollars_per_million": dollars * MILLION,
                "wins": share,
            }
            for size, time_ms, dollars, share in figures
        ],
        "picture": results.link,
        "run_dir": str(results.run_dir),
    }


def _table(results: TuneResults) -> list[str]:
    choice = results.choice
    figures = zip(results.samples, choice.times_ms, choice.dollars, choice.shares, strict=True)
    rows = [
        (
            formatting.memory(size.memory_mb),
            formatting.time(time_ms),
            formatting.money(dollars * MILLION),
            formatting.share(share),
            "<- best" if place == choice.place else "",
        )
        for place, (size, time_ms, dollars, share) in enumerate(figures)
    ]
    return aligned_table([("memory", "time", "a million requests", "wins", ""), *rows])


def _curve(results: TuneResults) -> list[str]:
    lines = []
    for name, values in (("time", results.choice.times_ms), ("cost", results.choice.dollars)):
        most = max(values) or 1.0
        lines += [
            f"{name} {size.memory_mb:>5} MB |{'#' * max(1, round(value / most * _BAR))}"
            for size, value in zip(results.samples, values, strict=True)
        ]
    return lines


def _verdict(results: TuneResults) -> str:
    tuning, choice = results.tuning, results.choice
    aim = {
        Strategy.COST: "for the least cost",
        Strategy.SPEED: "for the greatest speed",
        Strategy.BALANCED: f"for a balance of cost ({tuning.weight:g}) and speed "
        f"({1 - tuning.weight:g})",
    }[tuning.strategy]
    doubt = (
        "" if choice.confidence >= _SURE else " The sizes are close: more invocations tell more."
    )
    return (
        f"{tuning.function}: {results.best_mb} MB {aim}, in "
        f"{formatting.share(choice.confidence)} of the resamples.{doubt}\n"
        "Time: mean of Duration + Init Duration without the longest and the shortest fifth of "
        f"{tuning.invocations}; cost: likewise, by the prices of {tuning.profile}."
    )
