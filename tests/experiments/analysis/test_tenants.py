from __future__ import annotations

import random
from typing import TYPE_CHECKING

from emulator.core.model import FunctionVersion
from emulator.core.policy import FixedKeepAlive, SchedulerSettings
from emulator.core.scheduler import Scheduler
from emulator.experiments.analysis.tenants import TenantStarts, tenant_starts
from emulator.experiments.records.run_directory import read_run
from emulator.experiments.report.study_page import report_run
from emulator.sim.behaviour import Behaviour
from emulator.sim.distributions import Constant
from emulator.sim.engine import Simulation
from emulator.sim.service import ServiceModel
from emulator.sim.workload import Arrival, stimuli

if TYPE_CHECKING:
    from tests.experiments.conftest import MadeRun

SHOP = FunctionVersion("shop", 128, 30.0, per_tenant=True)
PLAIN = FunctionVersion("plain", 128, 30.0)


def simulate(made: MadeRun, *calls: tuple[float, str]) -> None:
    """Calls of shop, each for a tenant, or of plain for none; starts and calls take 1 s."""
    behaviour = Behaviour(warm=Constant(1.0), init=Constant(1.0))
    scheduler = Scheduler(SchedulerSettings(FixedKeepAlive(100.0)), random.Random(0))
    arrivals = [Arrival(at, (SHOP if tenant else PLAIN).key, tenant=tenant) for at, tenant in calls]
    simulation = Simulation(scheduler, ServiceModel(0, behaviour))
    made.entries += simulation.run(stimuli([SHOP, PLAIN], arrivals))


def test_cold_starts_beside_an_idle_sandbox_of_another_tenant_are_those_of_isolation(
    made: MadeRun,
) -> None:
    simulate(
        made,
        (0.0, "blue"),  # cold, the first of all
        (10.0, "green"),  # cold beside blue's, which is idle
        (20.0, "blue"),  # warm
        (20.5, "blue"),  # cold beside green's: blue's runs
        (20.7, "red"),  # cold beside green's
        (300.0, "blue"),  # cold: all have gone
        (400.0, ""),
    )
    (found,) = tenant_starts(read_run(made.write()))
    assert found == TenantStarts("shop", tenants=3, requests=6, cold=5, first=3, isolated=3)


def test_only_sandboxes_of_the_own_tenant_cost_nothing(made: MadeRun) -> None:
    simulate(made, (0.0, "blue"), (0.5, "blue"), (10.0, "blue"))
    (found,) = tenant_starts(read_run(made.write()))
    assert (found.cold, found.first, found.isolated) == (2, 1, 0)


def test_page_of_a_run_says_what_isolation_cost(made: MadeRun) -> None:
    simulate(made, (0.0, "blue"), (10.0, "green"), (400.0, ""))
    page = report_run(made.write()).with_suffix(".md").read_text()
    assert "Isolation by tenant" in page
    assert "| shop | 2 | 2 | 2 | 2 | 1 |" in page


def test_page_of_a_run_without_tenants_says_nothing_of_them(made: MadeRun) -> None:
    simulate(made, (0.0, ""), (10.0, ""))
    page = report_run(made.write()).with_suffix(".md").read_text()
    assert "tenant" not in page
