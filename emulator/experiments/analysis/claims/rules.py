"""Decides the study's claims: each rule takes a run's cells and says whether the claim holds.

A rule raises UntestableError where the run cannot tell. The catalogue says it in words;
its limits stand here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.claims.cell_pool import CellPool, UntestableError
from emulator.experiments.analysis.claims.cells import JAVA, PYTHON
from emulator.experiments.analysis.idle_time import idle_gaps, start_letters
from emulator.experiments.analysis.intervals import difference_of_means, difference_of_medians
from emulator.experiments.analysis.memory_curve import memory_curves
from emulator.experiments.analysis.ramp_steps import ramp_steps
from emulator.experiments.plan.values import PROFILE_KEEP_ALIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.analysis.claims.cells import ClaimCells, Language
    from emulator.experiments.analysis.intervals import Estimate
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell

FAR_BETTER = 0.85
"""Share of the mean latency at half the memory: the study's own 33.4 and about 40 hits/s are a
ratio of .84. Two thirds, asked before, was asked of the handler alone: most of the study's answer
lay outside of that, or 1024 MB could not have been within a tenth of 512 MB."""
ALIKE = (0.9, 1.1)
"""Shares of another mean between which a mean counts as the same."""
COLLAPSED = 0.1
"""Share of the rate that Python has at the same size."""
JAVA_RATE = (0.3, 0.7)
"""Hits a second of Java at 256 MB; the study's: .55."""
RATE = (34.0, 48.0)
MEAN_MS = (185.0, 268.0)
"""What the study's throughput figures imply for Python, by Little's law in a closed loop of 9
users on average without a pause."""
RAMP_S = 300.0
"""Seconds of the study's ramp."""
_SHORT_GAP = (13.5, 20.0)
_LONG_GAP = 29.0
"""Minutes idle; the study asked after 15 and after 30, and an answer takes its time."""
_JAVA_MAXIMA = (1.2, 2.7)
_COLD_TO_WARM = (4, 16)
_BEST_SIZE = 512
_ANSWERING_SIZES = (512, 1024)
"""Sizes at which both languages answer: at 256 MB Java's first answer never came."""
_STUDY_SIZES = frozenset({256, _BEST_SIZE, 1024})

Answer = tuple[bool, str]
"""Whether the claim holds, and the figures that decided so."""


def is_far_better_at_512_mb(cells: ClaimCells) -> Answer:
    small, large = cells.under_load(PYTHON, 256), cells.under_load(PYTHON, 512)
    difference = difference_of_means(small.latencies, large.latencies)
    surely = difference.interval is not None and difference.interval.high < 0
    holds = surely and large.mean_ms <= FAR_BETTER * small.mean_ms and large.hits > small.hits
    return holds, _compared(small, large, difference)


def is_no_better_at_1024_mb(cells: ClaimCells) -> Answer:
    middle, large = cells.under_load(PYTHON, 512), cells.under_load(PYTHON, 1024)
    difference = difference_of_means(middle.latencies, large.latencies)
    ratio = large.mean_ms / middle.mean_ms
    return ALIKE[0] <= ratio <= ALIKE[1], _compared(middle, large, difference)


def has_shorter_maxima_at_1024_mb(cells: ClaimCells) -> Answer:
    middle, large = cells.undisturbed(PYTHON, 512), cells.undisturbed(PYTHON, 1024)
    return large.max_ms < middle.max_ms, _maxima(middle, large)


def java_collapses_at_256_mb(cells: ClaimCells) -> Answer:
    java, python = cells.under_load(JAVA, 256), cells.under_load(PYTHON, 256)
    figures = f"Java {_rate_and_mean(java)}; Python {_rate_and_mean(python)}"
    return java.hits <= COLLAPSED * python.hits, figures


def java_answers_every_other_second_at_256_mb(cells: ClaimCells) -> Answer:
    pool = cells.under_load(JAVA, 256)
    return JAVA_RATE[0] <= pool.hits <= JAVA_RATE[1], _rate_and_mean(pool)


def java_has_shorter_maxima_at_1024_mb(cells: ClaimCells) -> Answer:
    middle, large = cells.undisturbed(JAVA, 512), cells.undisturbed(JAVA, 1024)
    ratio = middle.max_ms / large.max_ms
    figures = f"{_maxima(middle, large)}: {formatting.number(ratio)} times"
    return _JAVA_MAXIMA[0] <= ratio <= _JAVA_MAXIMA[1], figures


def java_starts_more_slowly(cells: ClaimCells) -> Answer:
    holds, figures = True, []
    shared = sorted({*_ANSWERING_SIZES} & {*cells.sizes(JAVA)} & {*cells.sizes(PYTHON)})
    for memory_mb in shared:
        java = cells.undisturbed(JAVA, memory_mb)
        python = cells.undisturbed(PYTHON, memory_mb)
        difference = difference_of_medians(python.cold, java.cold)
        if difference.value is None:
            raise UntestableError(f"No cold start was answered at {memory_mb} MB on one side.")
        holds &= difference.interval is not None and difference.interval.low > 0
        figures.append(
            f"{memory_mb} MB: Java {formatting.estimate(java.cold_median)}, "
            f"Python {formatting.estimate(python.cold_median)}"
        )
    if not shared:
        raise UntestableError("Neither 512 nor 1024 MB ran with both Java and Python.")
    return holds, "; ".join(figures)


def cold_takes_several_times_warm(cells: ClaimCells) -> Answer:
    name = cells.name(PYTHON)
    idle = [(cell, rows) for cell, rows in cells.idle() if cell.condition.function == name]
    if not idle:
        raise UntestableError(f"No idle cell ran {name}.")
    pool = _single_requests(idle)
    slow, fast = pool.cold_median, pool.warm_median
    if slow.value is None or fast.value is None:
        raise UntestableError("Single requests found no cold start, or no warm sandbox.")
    figures = (
        f"{pool.memory_mb} MB: cold {formatting.estimate(slow)}, warm {formatting.estimate(fast)}"
    )
    return _COLD_TO_WARM[0] <= slow.value / fast.value <= _COLD_TO_WARM[1], figures


def _single_requests(idle: Sequence[tuple[MeasuredCell, tuple[RequestRow, ...]]]) -> CellPool:
    """Returns the single requests at the size nearest to 512 MB, where the study ends.

    The study does not say at which size it asked.
    """
    sizes = {cell.memory_mb for cell, _ in idle}
    chosen = min(sizes, key=lambda size: (abs(size - _BEST_SIZE), size))
    of_size = [(cell, rows) for cell, rows in idle if cell.memory_mb == chosen]
    for cell, _ in of_size:
        if why := cell.host_bound or cell.host_remark:
            raise UntestableError(f"{cell.id} was slowed by the host: {why}.")
    return CellPool(chosen, tuple(row for _, rows in of_size for row in rows), ())


def sandboxes_survive_14_minutes_not_30(cells: ClaimCells) -> Answer:
    idle = [(cell, rows) for cell, rows in cells.idle() if not cell.host_bound]
    found = [gap for cell, rows in idle for gap in idle_gaps(cell, rows)]
    short = [gap.survived for gap in found if _SHORT_GAP[0] <= gap.minutes <= _SHORT_GAP[1]]
    long = [gap.survived for gap in found if gap.minutes >= _LONG_GAP]
    if not short or not long:
        apart = ", ".join(formatting.number(gap.minutes) for gap in found) or "none"
        raise UntestableError(
            f"It takes idle times of 14 to 20 minutes and of 30; there were {apart}."
        )
    condition = idle[0][0].condition
    own = condition.keep_alive == PROFILE_KEEP_ALIVE
    lifetimes = condition.profile if own else f"keep-alive {condition.keep_alive}"
    letters = ", ".join(dict.fromkeys(start_letters(rows) for _, rows in idle))
    figures = (
        f"{lifetimes}: {sum(short)} of {len(short)} sandboxes survived 14 to 20 minutes, "
        f"{sum(long)} of {len(long)} survived 30 ({letters})"
    )
    return all(short) and not any(long), figures


def new_users_bring_cold_peaks(cells: ClaimCells) -> Answer:
    steps = [step for pool in cells.ramps() for step in ramp_steps(pool.rows)]
    if not steps:
        raise UntestableError("No ramp told how many users it had.")
    peaks = sum(step.has_peak for step in steps)
    users, starts = sum(step.users for step in steps), sum(step.cold_starts for step in steps)
    figures = f"{peaks} of {len(steps)} steps; {starts} cold starts for {users} new users"
    return peaks == len(steps), figures


def serves_40_a_second_at_200_ms(cells: ClaimCells) -> Answer:
    pools = [cells.under_load(PYTHON, size) for size in cells.sizes(PYTHON) if size in _STUDY_SIZES]
    if not pools:
        raise UntestableError("None of 256, 512 and 1024 MB ran with Python.")
    holds = all(
        RATE[0] <= pool.hits <= RATE[1] and MEAN_MS[0] <= pool.mean_ms <= MEAN_MS[1]
        for pool in pools
    )
    return holds, "; ".join(_rate_and_mean(pool) for pool in pools)


def best_value_is_512_mb(cells: ClaimCells) -> Answer:
    condition = cells.condition(PYTHON)
    for memory_mb in sorted(_STUDY_SIZES):
        cells.under_load(PYTHON, memory_mb)
    curve = next(
        (curve for curve in memory_curves(cells.study) if curve.condition == condition), None
    )
    if curve is None:
        raise UntestableError("Too few sizes ran under the same condition.")
    if not {size.memory_mb for size in curve.sizes} <= _STUDY_SIZES or curve.best is None:
        raise UntestableError("The plan has other sizes than 256, 512 and 1024 MB, or no answers.")
    costs = ", ".join(f"{s.memory_mb} MB {formatting.money(s.million)}" for s in curve.sizes)
    figures = (
        f"best value {curve.best_mb} MB, in {formatting.share(curve.confidence)} of the resamples; "
        f"a million requests cost: {costs}"
    )
    return curve.best_mb == _BEST_SIZE, figures


def a_dollar_buys_ramps(cells: ClaimCells) -> Answer:
    """Raises UntestableError always: what the study counted for its dollar is unknown."""
    pools = [
        (cells.name(language), cells.under_load(language, memory_mb))
        for language in (PYTHON, JAVA)
        for memory_mb in _sizes_of(cells, language)
    ]
    bought = ", ".join(
        f"{name} {pool.memory_mb} MB {formatting.number(1 / ramp)}"
        for name, pool in pools
        if (ramp := pool.ramp_dollars(RAMP_S)) is not None
    )
    raise UntestableError(
        "What was counted is unknown."
        + (
            f" Ramps of {RAMP_S:.0f} s that a dollar buys, API Gateway included: {bought}."
            if bought
            else ""
        )
    )


def _sizes_of(cells: ClaimCells, language: Language) -> list[int]:
    try:
        return [size for size in cells.sizes(language) if size in _STUDY_SIZES]
    except UntestableError:
        return []


def _rate_and_mean(pool: CellPool) -> str:
    return (
        f"{pool.memory_mb} MB: {formatting.number(pool.hits)} hits/s, "
        f"mean {formatting.estimate(pool.mean)}"
    )


def _compared(first: CellPool, second: CellPool, difference: Estimate) -> str:
    return (
        f"{_rate_and_mean(first)}; {_rate_and_mean(second)}; "
        f"difference {formatting.signed(difference)}"
    )


def _maxima(middle: CellPool, large: CellPool) -> str:
    return (
        f"slowest {formatting.time(middle.max_ms)} at 512 MB, "
        f"{formatting.time(large.max_ms)} at 1024"
    )
