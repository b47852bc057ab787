"""Lays out the section that puts the study's findings beside the run's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.profiles import PRICE_TABLES
from emulator.experiments.analysis.claims.ablation import all_ablated
from emulator.experiments.analysis.claims.catalogue import all_findings
from emulator.experiments.analysis.claims.cell_pool import STUDY_PRICES
from emulator.experiments.analysis.keep_warm import keep_warm
from emulator.experiments.records.study import NO_STUDY
from emulator.experiments.report.context import what_ran
from emulator.experiments.report.document import SMALL, Block, Heading, Paragraph
from emulator.experiments.report.study_tables import ablation_table, claims_table, keep_warm_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.analysis.claims.ablation import Ablated
    from emulator.experiments.records.study import StudyRun


def claims_section(study: StudyRun, ablations: Sequence[StudyRun] = ()) -> list[Block]:
    """Returns what the study found beside what the run found; nothing for a load of other shape."""
    if all(cell.asynchronous or cell.condition.scenario in NO_STUDY for cell in study.cells):
        return []
    blocks: list[Block] = [
        Heading("What the study found, what we found"),
        Paragraph(
            f"The study of {STUDY_PRICES} ran on AWS. A vCPU here is a share of this machine's "
            "core, so that the rules compare sizes and shapes rather than milliseconds; the "
            "figures decide, and claims that do not hold stay in the table.",
            SMALL,
        ),
    ]
    for findings in all_findings(study):
        title = f"Backend {findings.backend}, functions of {findings.functions.year}"
        blocks += [Heading(title, 3), claims_table(findings)]
        pairs = all_ablated(study, ablations, findings.backend, findings.functions)
        blocks += _ablation(pairs, ablations)
    return blocks + _keep_warm_pings(study)


def _ablation(pairs: Sequence[Ablated], runs: Sequence[StudyRun]) -> list[Block]:
    if not pairs:
        return []
    told = [f"{run.name}: {what_ran(run).text}" for run in runs]
    return [
        Heading("What makes it: the same cells with one part taken away", 4),
        Paragraph(
            "A cause is shown where the finding holds with the part and does not without. Both "
            "sides of a pair are of one run, at one dilation.",
            SMALL,
        ),
        *(Paragraph(text, SMALL) for text in told),
        ablation_table(pairs),
    ]


def _keep_warm_pings(study: StudyRun) -> list[Block]:
    pinged = keep_warm(study)
    if not pinged:
        return []
    return [
        Heading("The study's remedy: a ping that keeps sandboxes warm", 3),
        Paragraph(
            "What it buys: requests that would have been cold (C) are warm (W). What it costs: "
            f"the pings of 30 days, by the prices of {' and of '.join(PRICE_TABLES)}.",
            SMALL,
        ),
        keep_warm_table(pinged),
    ]
