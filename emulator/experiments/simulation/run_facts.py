"""Says what the run.json of a simulated cell tells, in the form of a live emulator's."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from emulator import __version__
from emulator.core.scheduling import scheduling_facts
from emulator.experiments.plan.cells import Origin

if TYPE_CHECKING:
    from emulator.experiments.simulation.cell import SimulatedCell


def run_facts(simulated: SimulatedCell) -> dict[str, object]:
    """Returns what run.json says, in the form in which a live emulator says it."""
    cell, function = simulated.cell, simulated.function
    condition = cell.condition
    return {
        "name": f"simulated {condition.profile}",
        "origin": Origin.SIMULATED,
        "started_at": 0.0,  # virtual time has no date, and the same seed gives the same records
        "profile": condition.profile,
        "backend": Origin.SIMULATED,
        "unenforced": [],
        "settings": {
            "keep_alive": simulated.keep_alive,
            "policy": condition.policy,
            "pick_order": condition.pick_order,
            "idle_speedup": cell.idle_speedup,
            "dilation": cell.dilation,
            "network": condition.network,
            "behaviour": simulated.source,
        },
        "scheduling": scheduling_facts(simulated.settings()),
        "seed": simulated.seed,
        "versions": {"serverless-testbed": __version__},
        "machine": {},
        "functions": {
            function.name: {
                "memory_mb": cell.memory_mb,
                "timeout": function.timeout_s,
                "architecture": function.architecture,
                "ephemeral_storage_mb": function.ephemeral_storage_mb,
                "behaviour": asdict(simulated.behaviour),
            }
        },
    }
