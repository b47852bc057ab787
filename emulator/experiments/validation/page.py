"""Writes the page of a validation: each prediction beside what AWS did, with the error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.experiments.report.document import (
    LEAD,
    Code,
    Document,
    Heading,
    Paragraph,
    Picture,
    Table,
)
from emulator.experiments.validation.chart import memory_chart, overhead_chart
from emulator.experiments.validation.memory_curves import mean_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.experiments.report.document import Block
    from emulator.experiments.validation.bursts import BurstPrediction
    from emulator.experiments.validation.cold_starts import RulePrediction
    from emulator.experiments.validation.figures import Comparison
    from emulator.experiments.validation.init_times import InitErrors
    from emulator.experiments.validation.memory_curves import MemoryCurve

_HEAD = ("figure", "simulated", "95 % of seeds", "AWS", "error", "wanted", "met")
_CLOSE, _NEAR = 0.10, 0.25


@dataclass(frozen=True, slots=True)
class Validation:
    """Holds all that was predicted and compared."""

    seeds: int
    cold_starts: tuple[RulePrediction, ...]
    bursts: tuple[BurstPrediction, ...]
    curves: tuple[tuple[MemoryCurve, tuple[Comparison, ...]], ...]
    inits: tuple[InitErrors, ...]


def validation_page(validation: Validation) -> Document:
    """Returns the page; the same figures give the same page."""
    return Document(
        "How wrong are the predictions?",
        (
            *_introduction(validation),
            *_cold_starts(validation),
            *_bursts(validation),
            *_curves(validation),
            *_inits(validation),
        ),
    )


def _introduction(validation: Validation) -> Iterator[Block]:
    own = validation.cold_starts[0].cold_starts[-1]
    share = (own.error or 0.0) * 100
    yield Paragraph(
        f"Of {own.measured:.0f} cold starts in {len(validation.cold_starts[0].cold_starts) - 1} "
        f"runs of 28 hours on AWS, {own.predicted.mean:.0f} are predicted ({share:+.1f} %).",
        LEAD,
    )
    yield Paragraph(
        "The simulator runs the emulator's own scheduler over measurements of real AWS Lambda that "
        "others published. What is predicted is never what the prediction was drawn from: a run's "
        "service times come from the other runs, a burst's overheads from the other bursts, a "
        "memory size's time from the other sizes. The rules of idleness and of age, however, were "
        "found in these five runs; other runs of the same series are the test of them. "
        f"Every stochastic figure is the mean of {validation.seeds} seeds."
    )
    yield Code("testbed validate FOLDER --out docs/validation")


def _cold_starts(validation: Validation) -> Iterator[Block]:
    yield Heading("Cold starts in 28 hours")
    yield Paragraph(
        "One function of 128 MB, Poisson arrivals, from one every 10 seconds to one every 7 "
        "minutes (pacslab, 2020). The first request of a run is not counted. The mean number of "
        "sandboxes counts each from its first use to its last: what is seen from outside."
    )
    for each in validation.cold_starts:
        yield Heading(f"Rule: {each.rule.name}", 3)
        yield Paragraph(f"Why it is tried: {each.rule.reason}.")
        rows = [_cells(c, f"cold starts, {c.what}", 0) for c in each.cold_starts]
        rows += [_cells(c, f"mean sandboxes, {c.what}", 3) for c in each.sandboxes]
        yield Table(_HEAD, tuple(rows))


def _bursts(validation: Validation) -> Iterator[Block]:
    yield Heading("Bursts of 1 to 500 requests at once")
    yield Paragraph(
        "One client, April 2020 (faas-parallelism-benchmark). The scheduler decides which requests "
        "are cold, from the bursts before; overhead is the client's wait without the handler."
    )
    rows = [
        _cells(c, f"{each.burst.name}: {c.what}", 3 if c.unit else 0)
        for each in validation.bursts
        for c in each.comparisons
    ]
    yield Table(_HEAD, tuple(rows))
    yield Picture(
        "bursts",
        overhead_chart(validation.bursts),
        "Share of requests by overhead, measured and simulated, a panel a burst",
    )


def _curves(validation: Validation) -> Iterator[Block]:
    yield Heading("Time by memory size")
    for curve, sizes in validation.curves:
        yield Heading(curve.name, 3)
        known = "the task's own CPU time" if curve.task_ms else "the other sizes"
        yield Paragraph(
            f"Source: {curve.source}. Rule: {curve.rule}. Predicted from {known}. "
            f"Mean error without sign: {mean_error(sizes) * 100:.1f} %."
        )
        yield Table(_HEAD, tuple(_cells(c, c.what, 1) for c in sizes))
    yield Picture(
        "memory",
        memory_chart(validation.curves),
        "Time by memory size, measured and simulated, for three functions",
    )


def _inits(validation: Validation) -> Iterator[Block]:
    yield Heading("Init times")
    yield Paragraph(
        "Rule: an init has a whole vCPU at every memory size, so that the median of the other "
        "sizes predicts it (lambda-perf, August 2026; a set-up is a runtime and an architecture at "
        "one size)."
    )
    yield Table(
        ("package", "set-ups", "median error", "bias", "within 10 %", "within 25 %"),
        tuple(
            (
                each.package,
                str(len(each.errors)),
                f"{each.median_size * 100:.1f} %",
                f"{each.bias * 100:+.1f} %",
                f"{each.within(_CLOSE) * 100:.0f} %",
                f"{each.within(_NEAR) * 100:.0f} %",
            )
            for each in validation.inits
        ),
    )


def _cells(comparison: Comparison, name: str, digits: int) -> tuple[str, ...]:
    predicted, error = comparison.predicted, comparison.error
    unit = f" {comparison.unit}" if comparison.unit else ""
    spread = predicted.high > predicted.low
    return (
        name,
        f"{predicted.mean:.{max(digits, 1)}f}{unit}",
        f"{predicted.low:.{max(digits, 1)}f}–{predicted.high:.{max(digits, 1)}f}" if spread else "",  # noqa: RUF001  # a range
        f"{comparison.measured:.{digits}f}{unit}",
        "" if error is None else f"{error * 100:+.1f} %",
        "" if comparison.wanted is None else f"{comparison.wanted * 100:.0f} %",
        {None: "", True: "yes", False: "no"}[comparison.met],
    )
