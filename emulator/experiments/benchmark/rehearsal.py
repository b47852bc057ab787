"""Measures the CPU time of a warm invocation without the kernel, of one checkout or two in turns.

Each turn is a process of its own (`python -m emulator.up.rehearsal`). The fastest round of each is
taken: other work on the machine can only add to CPU time, by the caches that it empties.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from emulator.errors import TestbedError
from emulator.experiments.benchmark.echo_emulator import write_function
from emulator.experiments.benchmark.turns import Side, other_checkout
from emulator.experiments.report.document import Document, Paragraph, Table
from emulator.experiments.report.markdown import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_WITHIN = 300.0
_OWN_CHECKOUT = Path(__file__).parents[3]
_TOLD = (
    "Written by `testbed bench --rehearse`: CPU time of a warm invocation of `echo`, us, without "
    "sockets and sandboxes. Of the event loop's thread the fastest round of each turn, of the "
    "other threads the mean; medians of the turns."
)


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """Says how much is rehearsed."""

    turns: int = 7
    rounds: int = 20
    """Rounds in a turn, of which the fastest counts."""
    requests: int = 500
    """Invocations in a round."""
    clients: tuple[int, ...] = (1, 10)
    """Clients that invoke at once."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Holds the CPU time of an invocation, in microseconds."""

    loop_us: float
    """Time of the event loop's thread, in the fastest round."""
    other_us: float
    """Time of all other threads, the mean of all rounds."""


def run_rehearsals(against: Path | None, plan: RehearsalPlan) -> int:
    """Prints a page with the costs of this checkout, beside those of another if it is given.

    Raises:
        TestbedError: a rehearsal failed.
    """
    sides = [Side("this one", sys.executable, _OWN_CHECKOUT)]
    if against is not None:
        sides.insert(0, other_checkout(against))
    print(rehearsal_page({clients: _turns(sides, clients, plan) for clients in plan.clients}))
    return 0


def rehearsal_page(found: Mapping[int, Mapping[str, Sequence[Cost]]]) -> str:
    """Returns a row for each number of clients and thread as Markdown; costs are by checkout."""
    sides = next(iter(found.values()))
    head = ("thread", "clients", *sides, *(("ratio",) if len(sides) > 1 else ()))
    rows = [row for clients, costs in found.items() for row in _rows(clients, costs)]
    table = Table(head, tuple(rows), left=1)
    return markdown(Document("A warm invocation, rehearsed", (Paragraph(_TOLD), table)))


def _rows(clients: int, costs: Mapping[str, Sequence[Cost]]) -> Iterator[tuple[str, ...]]:
    for thread, values in (
        ("event loop", [[one.loop_us for one in side] for side in costs.values()]),
        ("others", [[one.other_us for one in side] for side in costs.values()]),
    ):
        medians = [median(side) for side in values]
        ratio = [f"{medians[-1] / medians[0]:.2f}"] if len(medians) > 1 and medians[0] else []
        yield thread, str(clients), *(f"{one:.1f}" for one in medians), *ratio


def _turns(sides: Sequence[Side], clients: int, plan: RehearsalPlan) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {side.name: [] for side in sides}
    for turn in range(plan.turns):
        print(f"{clients} clients: turn {turn + 1} of {plan.turns}", file=sys.stderr)
        for side in sides if turn % 2 == 0 else reversed(sides):
            costs[side.name].append(rehearse(side, clients, plan))
    return costs


def rehearse(side: Side, clients: int, plan: RehearsalPlan) -> Cost:
    """Runs one turn of a checkout in a process of its own.

    Raises:
        TestbedError: the process failed, as it does in a checkout that knows no rehearsals.
    """
    with tempfile.TemporaryDirectory(prefix="testbed-rehearsal-") as folder:
        made = Path(folder, "made")
        write_function(made)
        sizes = map(str, (clients, plan.rounds, plan.requests))
        ran = subprocess.run(
            [side.python, "-m", "emulator.up.rehearsal", str(made), *sizes],
            cwd=side.checkout,
            capture_output=True,
            text=True,
            timeout=_WITHIN,
            check=False,
        )
    if ran.returncode:
        last = ran.stderr.strip().rpartition("\n")[2]
        raise TestbedError(f"{side.name} could not be rehearsed: {last}")
    told = json.loads(ran.stdout)
    return Cost(min(told["loop_us"]), told["other_us"])
