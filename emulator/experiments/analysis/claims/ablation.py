"""Holds the claims of a run against the same cells without the part that each is caused by.

Owns which cells stand on which side, and how two runs are joined to have both. What a claim's rule
makes of cells is the catalogue's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.experiments.analysis.claims.catalogue import CLAIMS, Finding, Verdict, finding
from emulator.experiments.analysis.claims.cells import ClaimCells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.analysis.claims.cells import Functions
    from emulator.experiments.records.study import StudyRun


@dataclass(frozen=True, slots=True)
class Ablated:
    """Holds what a run made of a claim with the part that causes it, and without."""

    whole: Finding
    without: Finding
    run: str = ""
    """Name of the run whose cells stand on both sides."""

    @property
    def is_tested(self) -> bool:
        """Returns whether cells could tell on both sides."""
        return Verdict.NOT_TESTABLE not in (self.whole.verdict, self.without.verdict)

    @property
    def shows(self) -> bool:
        """Returns whether the claim holds with the part and does not without."""
        return (
            self.whole.verdict is Verdict.REPRODUCED
            and self.without.verdict is Verdict.NOT_REPRODUCED
        )


def has_ablation(study: StudyRun) -> bool:
    """Tells whether a run has cells without one of their parts."""
    return any(cell.condition.without for cell in study.cells)


def ablated(study: StudyRun, backend: str, functions: Functions) -> list[Ablated]:
    """Returns the claims of which cells ran without the part, in the catalogue's order."""
    whole, found = ClaimCells(study, backend, functions), []
    for claim in CLAIMS:
        if claim.part is None:
            continue
        cells = ClaimCells(study, backend, functions, claim.part)
        if cells.has_ablation:
            found.append(Ablated(finding(claim, whole), finding(claim, cells), study.name))
    # the same figures: no cell that the claim looks at ran without the part
    return [pair for pair in found if pair.whole.found != pair.without.found]


def all_ablated(
    study: StudyRun, others: Sequence[StudyRun], backend: str, functions: Functions
) -> list[Ablated]:
    """Returns what each run makes of the claims, both sides of a pair from one run.

    So only the part differs, and not the machine's hour. Where several runs have a claim, those
    that could not test the claim are left out, unless none could: then the last one says why.
    """
    pairs = [pair for run in (study, *others) for pair in ablated(run, backend, functions)]
    found = []
    for claim in CLAIMS:
        of_claim = [pair for pair in pairs if pair.whole.claim is claim]
        found += [pair for pair in of_claim if pair.is_tested] or of_claim[-1:]
    return found


def has_both_sides(study: StudyRun) -> bool:
    """Tells whether a run has whole cells beside those without a part."""
    return has_ablation(study) and any(not cell.condition.without for cell in study.cells)


def joined(study: StudyRun, other: StudyRun) -> StudyRun:
    """Returns a study with the cells of another run that lack a part, and their requests."""
    cells = [cell for cell in other.cells if cell.condition.without]
    ids = {cell.id for cell in cells}
    return replace(
        study,
        cells=(*study.cells, *cells),
        rows={**study.rows, **{id_: rows for id_, rows in other.rows.items() if id_ in ids}},
        problems=(*study.problems, *other.problems),
        missing=(*study.missing, *other.missing),
        runs={**study.runs, **other.runs},
    )
