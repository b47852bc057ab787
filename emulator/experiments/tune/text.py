"""What `testbed tune` prints: the table, the curve, the winner, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.memory_choice import Strategy, visualiser_link
from emulator.experiments.report.text import aligned_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.analysis.memory_choice import Choice, SizeSample
    from emulator.experiments.tune.command import Tuning

_BAR = 40
"""Characters of the longest."""
_SURE = 0.95


def tuned(tried: Sequence[SizeSample], choice: Choice, tuning: Tuning) -> str:
    """As text, with one line end at its end."""
    lines = [
        *_table(tried, choice),
        "",
        *_curve(tried, choice),
        "",
        _verdict(tried, choice, tuning),
    ]
    address = visualiser_link([size.memory_mb for size in tried], choice.times_ms, choice.dollars)
    return "\n".join([*lines, "", f"As a picture: {address}"]) + "\n"


def _table(tried: Sequence[SizeSample], choice: Choice) -> list[str]:
    head = ("memory", "time", "a million requests", "wins", "")
    rows = [
        (
            formatting.memory(size.memory_mb),
            formatting.time(time_ms),
            formatting.money(dollars * 1e6),
            formatting.share(share),
            "<- best" if place == choice.place else "",
        )
        for place, (size, time_ms, dollars, share) in enumerate(
            zip(tried, choice.times_ms, choice.dollars, choice.shares, strict=True)
        )
    ]
    return aligned_table([head, *rows])


def _curve(tried: Sequence[SizeSample], choice: Choice) -> list[str]:
    lines = []
    for words, values in (("time", choice.times_ms), ("cost", choice.dollars)):
        most = max(values) or 1.0
        lines += [
            f"{words} {size.memory_mb:>5} MB |{'#' * max(1, round(value / most * _BAR))}"
            for size, value in zip(tried, values, strict=True)
        ]
    return lines


def _verdict(tried: Sequence[SizeSample], choice: Choice, tuning: Tuning) -> str:
    best = tried[choice.place].memory_mb
    by = {
        Strategy.COST: "for the least cost",
        Strategy.SPEED: "for the greatest speed",
        Strategy.BALANCED: f"for a balance of cost ({tuning.weight:g}) and speed "
        f"({1 - tuning.weight:g})",
    }[tuning.strategy]
    doubt = (
        "" if choice.confidence >= _SURE else " The sizes are close: more invocations tell more."
    )
    return (
        f"{tuning.function}: {best} MB {by}, in {formatting.share(choice.confidence)} of the "
        f"resamples.{doubt}\n"
        "Time: mean of Duration + Init Duration without the longest and the shortest fifth of "
        f"{tuning.invocations}; cost: likewise, by the prices of {tuning.profile}."
    )
