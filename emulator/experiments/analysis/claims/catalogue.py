"""The study's claims in its own order, with their rules in words, and how a run is put to them.

The figures decide, and a claim that does not hold stays as such. A claim whose cells are missing
or host-bound is not testable; a claim about slowest or cold answers is not either where the host
slowed some of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.experiments.analysis.claims import rules
from emulator.experiments.analysis.claims.cells import ClaimCells, UntestableError

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
    """States what the study found, and when a run reproduces it."""

    claim: str
    """Finding of the study, with its figures."""
    rule: str
    """Condition under which the claim counts as reproduced, in words."""
    test: Callable[[ClaimCells], Answer]


@dataclass(frozen=True, slots=True)
class Finding:
    """Holds what a run's cells of one backend made of a claim."""

    claim: str
    rule: str
    verdict: Verdict
    found: str
    """Figures of the run, or the reason why there are none."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Holds all claims, put to the cells of one backend."""

    backend: str
    claims: tuple[Finding, ...]


CLAIMS = (
    Claim(
        ("Python: 512 MB is far better than 256 MB (33.4 hits/s at 256 MB, clearly more at 512)"),
        (
            "mean latency at 512 MB at most two thirds of that at 256 MB, the interval of "
            "the difference below 0, and more hits"
        ),
        rules.is_far_better_at_512_mb,
    ),
    Claim(
        "Python: 1024 MB is no better on average than 512 MB",
        "mean latency at 1024 MB at least 90 % of that at 512 MB",
        rules.is_no_better_at_1024_mb,
    ),
    Claim(
        "Python: but 1024 MB has shorter maxima",
        "slowest answer at 1024 MB shorter than at 512 MB",
        rules.has_shorter_maxima_at_1024_mb,
    ),
    Claim(
        "Java collapses at 256 MB (.55 hits/s at 17 s)",
        "at most a tenth of the hits of Python at 256 MB",
        rules.java_collapses_at_256_mb,
    ),
    Claim(
        "Java: the slowest answer takes about 18 s at 512 MB and 10 s at 1024 MB",
        "slowest at 512 MB is 1.2 to 2.7 times that at 1024 MB (the study's: 1.8)",
        rules.java_has_shorter_maxima_at_1024_mb,
    ),
    Claim(
        "Java's cold starts are longer than Python's",
        (
            "at each of 256, 512 and 1024 MB that both have, the median is longer and the "
            "interval of the difference above 0"
        ),
        rules.java_starts_more_slowly,
    ),
    Claim(
        "With TensorFlow a cold start takes about 8 s, a warm answer about 1 s",
        "median cold is 4 to 16 times the median warm, of single requests",
        rules.cold_takes_several_times_warm,
    ),
    Claim(
        "Sandboxes survive 14 idle minutes, not 30",
        "all requests after 14 to 20 minutes find a sandbox, none after 30 does",
        rules.sandboxes_survive_14_minutes_not_30,
    ),
    Claim(
        "Each new user brings a cold-start peak",
        (
            "in each step up of each ramp there are cold starts, and one of them is its "
            "slowest answer"
        ),
        rules.new_users_bring_cold_peaks,
    ),
    Claim(
        "About 40 predictions a second at about 200 ms (Python)",
        "20 to 80 hits/s and a mean latency of 100 to 400 ms at 512 MB",
        rules.serves_40_a_second_at_200_ms,
    ),
    Claim(
        "512 MB is the best value (Python)",
        (
            "of 256, 512 and 1024 MB it has the least sum of mean latency and cost, each "
            "as a share of its greatest"
        ),
        rules.best_value_is_512_mb,
    ),
    Claim(
        "The requests of a configuration cost about one dollar",
        "$0.50 to $2 a configuration by the prices of 2018, for what it was asked here",
        rules.configuration_costs_one_dollar,
    ),
)


def all_findings(study: StudyRun) -> list[Findings]:
    """Puts all claims to each backend of a run, in the order in which the plan names backends."""
    backends = dict.fromkeys(cell.condition.backend for cell in study.cells)
    return [Findings(backend, findings(study, backend)) for backend in backends]


def findings(study: StudyRun, backend: str) -> tuple[Finding, ...]:
    """Puts all claims to the cells of one backend."""
    cells = ClaimCells(study, backend)
    return tuple(_finding(claim, cells) for claim in CLAIMS)


def _finding(claim: Claim, cells: ClaimCells) -> Finding:
    try:
        holds, found = claim.test(cells)
    except UntestableError as error:
        return Finding(claim.claim, claim.rule, Verdict.NOT_TESTABLE, str(error))
    verdict = Verdict.REPRODUCED if holds else Verdict.NOT_REPRODUCED
    return Finding(claim.claim, claim.rule, verdict, found)
