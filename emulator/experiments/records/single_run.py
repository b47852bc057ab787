"""Presents an emulator's own run directory as a study: a cell for each function.

Owns what such a cell is called and how it is described, so that all that reads a study reads any
run. A function whose clients wrote rows is told by these alone, any other by the journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.lifetimes import LIFETIMES
from emulator.core.network_paths import NO_NETWORK
from emulator.core.policies.catalogue import LIFETIME
from emulator.experiments.plan.cells import Condition
from emulator.experiments.plan.values import PROFILE_KEEP_ALIVE
from emulator.experiments.records.request_rows import rows_of
from emulator.experiments.records.run_directory import join
from emulator.experiments.records.study import REQUESTS, CellStatus, MeasuredCell, StudyRun

if TYPE_CHECKING:
    from emulator.experiments.records.run_directory import Request, Run


def as_study(run: Run) -> StudyRun:
    """Returns the run with its cells in the order of the template's functions, then by name."""
    grouped: dict[str, list[Request]] = {}
    for request in join(run):
        grouped.setdefault(request.function, []).append(request)
    order = {name: place for place, name in enumerate(run.info.functions)}
    names = sorted(grouped, key=lambda name: (order.get(name, len(order)), name))
    cells = tuple(_cell(run, name, grouped[name]) for name in names)
    rows = {cell.id: rows_of(cell, run, grouped[cell.condition.function]) for cell in cells}
    return StudyRun(
        path=run.path,
        name=run.info.name,
        started_at=run.info.started_at,
        seed=run.info.seed,
        versions=run.info.versions,
        machine=run.info.machine,
        plan_text="",
        cells=cells,
        rows=rows,
        problems=(*run.missing, *run.notes),
        missing=run.missing,
        unenforced=run.info.unenforced,
        runs={run.path: run},
    )


def _cell(run: Run, function: str, requests: list[Request]) -> MeasuredCell:
    settings = run.info.settings
    memory = next((request.record.memory_mb for request in requests if request.record), 0)
    return MeasuredCell(
        id=function,
        condition=Condition(
            function=function,
            loading="",
            profile=run.info.profile,
            backend=run.info.backend,
            keep_alive=_keep_alive(settings.get("keep_alive")),
            pick_order=str(settings.get("pick_order") or ""),
            scenario=REQUESTS,
            dilation=float(settings.get("dilation") or 1),
            page_cache="",
            policy=str(settings.get("policy") or LIFETIME),
            network=str(settings.get("network") or NO_NETWORK),
            origin=run.info.origin,
        ),
        memory_mb=memory,
        repetition=1,
        idle_speedup=float(settings.get("idle_speedup") or 1),
        status=CellStatus.DONE,
        folder=run.path,
    )


def _keep_alive(setting: float | str | None) -> str:
    """Returns the setting as a plan has it: seconds, a name, or the profile's own."""
    if setting is None:
        return PROFILE_KEEP_ALIVE
    return str(setting) if setting in LIFETIMES else f"{float(setting):g}"
