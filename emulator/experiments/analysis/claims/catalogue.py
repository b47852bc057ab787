"""Lists the study's claims in its own order, with their rules in words, and puts them to a run.

The figures decide, and a claim that does not hold stays as such. A claim whose cells are missing
or host-bound is not testable; a claim about slowest or cold answers is not either where the host
slowed some of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.experiments.analysis.claims import rules
from emulator.experiments.analysis.claims.cell_pool import UntestableError
from emulator.experiments.analysis.claims.cells import OF_2018, OF_TODAY, ClaimCells, Functions
from emulator.experiments.plan.model import Part
from emulator.experiments.records.study import CellStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.experiments.analysis.claims.rules import Answer
    from emulator.experiments.records.study import StudyRun


class Verdict(StrEnum):
    """Says what a run made of a claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NOT_TESTABLE = "not testable here"


@dataclass(frozen=True, slots=True)
class Claim:
    """States what the study found, when a run reproduces it, and what makes it so."""

    claim: str
    """Finding of the study, with its figures."""
    rule: str
    """Condition under which the claim counts as reproduced, in words."""
    cause: str
    """What makes the finding, in a sentence."""
    part: Part | None
    """What is taken away to show the cause; None where nothing can be."""
    test: Callable[[ClaimCells], Answer]


@dataclass(frozen=True, slots=True)
class Finding:
    """Holds what a run's cells of one backend made of a claim."""

    claim: Claim
    verdict: Verdict
    found: str
    """Figures of the run, or the reason why there are none."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Holds all claims, put to the cells of one backend and to the functions of one year."""

    backend: str
    functions: Functions
    claims: tuple[Finding, ...]


CLAIMS = (
    Claim(
        "Python: 512 MB is far better than 256 MB (33.4 hits/s at 256 MB, about 40 at 512)",
        (
            "mean latency at 512 MB at most .85 of that at 256 MB, the interval of the difference "
            "below 0, and more hits. The study's own figures are a ratio of .84; until 2026-11-27 "
            "this rule asked for .67, which no answer can meet that the next rule holds for too: "
            "the part of an answer that memory does not shorten would have to be at most as long "
            "as the handler's at 512 MB for the one, and four times as long for the other"
        ),
        (
            "The handler has twice the CPU and takes half the time, but most of an answer is the "
            "way to the region and its gateway, which memory does not shorten."
        ),
        Part.NETWORK,
        rules.is_far_better_at_512_mb,
    ),
    Claim(
        "Python: 1024 MB is no better on average than 512 MB",
        "mean latency at 1024 MB within 10 % of that at 512 MB",
        "At 512 MB the handler is a small part of an answer already; the rest is the way there.",
        Part.NETWORK,
        rules.is_no_better_at_1024_mb,
    ),
    Claim(
        "Python: but 1024 MB has shorter maxima",
        "slowest answer at 1024 MB shorter than at 512 MB",
        (
            "The slowest answers are cold starts, whose first call works for seconds at the CPU "
            "share of the memory size; init alone has a whole vCPU at every size."
        ),
        Part.INIT_BOOST,
        rules.has_shorter_maxima_at_1024_mb,
    ),
    Claim(
        "Java collapses at 256 MB (.55 hits/s at 17 s)",
        "at most a tenth of the hits of Python at 256 MB",
        (
            "Lambda gave a JVM a tenth of the memory for class metadata: 25.6 MB at 256 MB, where "
            "the function needs 28 to 29, so that the JVM collects garbage without an end."
        ),
        Part.METASPACE,
        rules.java_collapses_at_256_mb,
    ),
    Claim(
        "Java at 256 MB answers about every other second (.55 hits/s)",
        ".3 to .7 hits/s",
        "As above: an answer comes where a timeout or an OutOfMemoryError ends the collections.",
        Part.METASPACE,
        rules.java_answers_every_other_second_at_256_mb,
    ),
    Claim(
        "Java: the slowest answer takes about 18 s at 512 MB and 10 s at 1024 MB",
        "slowest at 512 MB is 1.2 to 2.7 times that at 1024 MB (the study's: 1.8)",
        (
            "A Java sandbox's first call loads its classes, opens TLS and unpacks the library at "
            "the CPU share of its size: half the share, nearly twice the time. Init, which is "
            "boosted, has little part in it."
        ),
        Part.INIT_BOOST,
        rules.java_has_shorter_maxima_at_1024_mb,
    ),
    Claim(
        "Java's cold starts are longer than Python's",
        (
            "at 512 and at 1024 MB, where both answer, the median is longer and the interval of "
            "the difference above 0 (until 2026-11-27 at 256 MB too, where Java has no cold start "
            "that ends)"
        ),
        (
            "Python imports in init, which has a whole vCPU; Java does most in its first call, "
            "which has the share of its memory size."
        ),
        Part.INIT_BOOST,
        rules.java_starts_more_slowly,
    ),
    Claim(
        "With TensorFlow a cold start takes about 8 s, a warm answer about 1 s",
        "median cold is 4 to 16 times the median warm, of single requests",
        (
            "A cold start imports TensorFlow; a single warm request still opens a connection and "
            "crosses the way to the region."
        ),
        Part.NETWORK,
        rules.cold_takes_several_times_warm,
    ),
    Claim(
        "Sandboxes survive 14 idle minutes, not 30",
        "all requests after 14 to 20 minutes find a sandbox, none after 30 does",
        (
            "The region ended idle sandboxes after 26 minutes, whatever their size; another region "
            "of that winter let them live 22 to 65."
        ),
        Part.LIFETIMES,
        rules.sandboxes_survive_14_minutes_not_30,
    ),
    Claim(
        "Each new user brings a cold-start peak",
        (
            "in each step up of each ramp there are cold starts, and one of them is its "
            "slowest answer"
        ),
        (
            "A sandbox serves one request at a time, and answers that load the model each keep "
            "it busy, so that a new user finds none free."
        ),
        Part.MODEL,
        rules.new_users_bring_cold_peaks,
    ),
    Claim(
        "About 40 predictions a second at about 200 ms (Python)",
        "34 to 48 hits/s and a mean latency of 185 to 268 ms at each of 256, 512 and 1024 MB",
        (
            "Nine users on average who wait for nothing but their answers: the rate is nine by "
            "the latency, of which most is the way to the region and its gateway."
        ),
        Part.NETWORK,
        rules.serves_40_a_second_at_200_ms,
    ),
    Claim(
        "512 MB is the best value (Python)",
        (
            "of 256, 512 and 1024 MB it has the least sum of mean latency and cost, each "
            "as a share of its greatest"
        ),
        (
            "Billed time is rounded up to 100 ms: at 512 MB an answer's handler fits into one "
            "step, at 256 MB it takes two, and 1024 MB pays double for the same step."
        ),
        Part.MODEL,
        rules.best_value_is_512_mb,
    ),
    Claim(
        "The requests of a configuration cost about one dollar",
        "none: the number of ramps of 300 s that a dollar buys is told instead",
        "It is not known which requests the study counted, or whether the free tier was left out.",
        None,
        rules.a_dollar_buys_ramps,
    ),
)


def all_findings(study: StudyRun) -> list[Findings]:
    """Puts all claims to each backend and year of functions, in the order of the plan's cells.

    Cells that did not run name no backend where the plan left that open; they make no table.
    """
    ran = [cell for cell in study.cells if cell.status is CellStatus.DONE] or study.cells
    backends = dict.fromkeys(cell.condition.backend for cell in ran)
    return [
        Findings(backend, functions, findings(study, backend, functions))
        for backend in backends
        for functions in years(study, backend)
    ]


def years(study: StudyRun, backend: str) -> list[Functions]:
    """Returns the years whose functions a backend ran; today's where neither is known."""
    ran = {cell.condition.function for cell in study.cells if cell.condition.backend == backend}
    return [pair for pair in (OF_2018, OF_TODAY) if pair.names & ran] or [OF_TODAY]


def findings(study: StudyRun, backend: str, functions: Functions = OF_TODAY) -> tuple[Finding, ...]:
    """Puts all claims to the cells of one backend."""
    cells = ClaimCells(study, backend, functions)
    return tuple(finding(claim, cells) for claim in CLAIMS)


def finding(claim: Claim, cells: ClaimCells) -> Finding:
    """Puts one claim to the cells."""
    try:
        holds, found = claim.test(cells)
    except UntestableError as error:
        return Finding(claim, Verdict.NOT_TESTABLE, str(error))
    return Finding(claim, Verdict.REPRODUCED if holds else Verdict.NOT_REPRODUCED, found)
