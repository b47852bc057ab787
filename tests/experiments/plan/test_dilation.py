from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.experiments.plan.cells import planned_cells
from emulator.experiments.plan.dilation import (
    OWN_CPU_A_REQUEST,
    Demand,
    UnknownCrowdError,
    demand,
    least_dilation,
    outlasts_a_step,
)
from emulator.experiments.plan.loader import load
from emulator.experiments.plan.scenarios import Constant, Idle, KeepWarm, Ping, Poisson, Ramp
from tests.experiments.plans import PLAN, faults, write_plan

if TYPE_CHECKING:
    from pathlib import Path


def test_users_who_are_answered_take_their_share_of_cpu_each() -> None:
    needed = demand(Constant(users=(10,), wait_s=0.1), vcpus=2.0)
    assert needed == Demand(20.0, pytest.approx(100 * OWN_CPU_A_REQUEST))


def test_sandboxes_that_start_have_a_cpu_each_as_many_as_start_at_once() -> None:
    # the last step: 4 of the 9 that come start with a CPU each, 14 others have a quarter
    assert demand(Ramp(users=(3, 6, 9, 18)), vcpus=0.25).sandboxes == 4 + 14 * 0.25
    # the first step is the dearest: 3 starts, against 3 that came before and leave
    assert demand(Ramp(users=(3, 1)), vcpus=0.25).sandboxes == 3.0


def test_single_requests_and_their_pings_are_one_after_the_other() -> None:
    assert demand(Idle(), vcpus=0.5).sandboxes == 1.0
    warm = KeepWarm(ping=Ping(every_minutes=10, parallel=3))
    assert demand(warm, vcpus=0.5).sandboxes == 1.0 + 3 * 0.5


def test_arrivals_at_their_own_times_tell_no_demand() -> None:
    with pytest.raises(UnknownCrowdError, match="no number of users"):
        demand(Poisson(rate=3.0), vcpus=0.5)


@pytest.mark.parametrize(
    ("cores", "cpus", "dilation"),
    [(0.1, 1, 1), (1.8, 2, 1), (1.81, 2, 2), (10.7, 2, 6), (10.7, 12, 1), (10.7, 64, 1)],
)
def test_the_dilation_is_the_least_whole_number_that_leaves_a_tenth_free(
    cores: float, cpus: int, dilation: int
) -> None:
    assert least_dilation(Demand(cores, 0.0), cpus) == dilation


def test_each_cell_of_an_automatic_plan_has_the_dilation_that_its_size_needs(
    tmp_path: Path,
) -> None:
    text = 'dilation = "auto"\n' + PLAN.replace("256, 512", "128, 2944").replace(
        "[axes]", '[axes]\nprofile = ["aws-2018"]'
    ).replace("users = [1, 2]", "users = [18]")
    plan = load(write_plan(tmp_path, text))
    cells = planned_cells(plan, cpus=2)
    assert [cell.dilation for cell in cells] == [3, 17]
    assert AWS_2018.vcpus(2944) * 18 / (17 * 2) < 0.9 < AWS_2018.vcpus(2944) * 18 / (16 * 2)
    assert {cell.condition.dilation for cell in cells} == {None}, "one series"
    assert [cell.dilation for cell in planned_cells(plan, cpus=64)] == [1, 1]


def test_a_given_dilation_goes_before_the_host(tmp_path: Path) -> None:
    plan = load(write_plan(tmp_path, "dilation = 3\n" + PLAN))
    assert {cell.dilation for cell in planned_cells(plan, cpus=1)} == {3}


def test_an_automatic_dilation_needs_a_number_of_users(tmp_path: Path) -> None:
    text = 'dilation = "auto"\n' + PLAN.replace('"ramp"\nusers = [1, 2]', '"poisson"\nrate = 2')
    assert faults(tmp_path, text) == [
        "dilation: auto cannot be reckoned: poisson tells no number of users to reckon with"
    ]
    assert faults(tmp_path, 'dilation = ["auto", "auto"]\n' + PLAN) == [
        "dilation: auto stands twice"
    ]
    assert faults(tmp_path, 'dilation = "slow"\n' + PLAN) == [
        "dilation: must be a whole number or 'auto', not 'slow'"
    ]


@pytest.mark.parametrize(("init", "outlasts"), [(3.9, False), (4.1, True)])
def test_an_init_may_take_as_long_as_the_shortest_step_of_a_ramp(
    init: float, outlasts: bool
) -> None:
    loads = (Ramp(users=(1, 2), seconds=20.0), Idle(), Ramp(users=(2, 4), seconds=8.0))
    assert outlasts_a_step(init, loads) is outlasts


def test_an_init_outlasts_no_step_where_there_is_no_ramp() -> None:
    assert not outlasts_a_step(100.0, (Idle(), Constant()))
