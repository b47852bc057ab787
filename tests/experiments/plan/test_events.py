"""Scenarios of asynchronous events in a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.asynchronous.rules import EventSettings
from emulator.experiments.plan.cells import planned_cells
from emulator.experiments.plan.digest import digests
from emulator.experiments.plan.events import event_settings, reserved_concurrency
from emulator.experiments.plan.loader import load
from emulator.experiments.plan.scenarios import Invocation
from emulator.experiments.plan.template import StudyTemplate
from tests.experiments.plans import PLAN, TEMPLATE, faults, write_plan

if TYPE_CHECKING:
    from pathlib import Path

HEAD = PLAN.partition("[[scenario]]")[0]
POISSON = """
[[scenario]]
kind = "poisson"
rate = 5
seconds = 2
"""
EVENTS = POISSON + "asynchronous = true\n"
ASKING = TEMPLATE.replace(
    "      FunctionName: kdd99-numpy\n",
    """      FunctionName: kdd99-numpy
      ReservedConcurrentExecutions: 3
      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Letters.Arn}
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        MaximumEventAgeInSeconds: 300
        DestinationConfig: {OnSuccess: {Type: SQS, Destination: !GetAtt Done.Arn}}
""",
)


def test_the_same_load_may_be_of_requests_and_of_events(tmp_path: Path) -> None:
    plan = load(write_plan(tmp_path, HEAD + POISSON + EVENTS))
    cells = [cell for cell in planned_cells(plan) if cell.memory_mb == 256]
    assert [(cell.id, cell.condition.invocation) for cell in cells] == [
        ("kdd99-numpy-256mb-poisson-r1", Invocation.REQUEST_RESPONSE),
        ("kdd99-numpy-256mb-poisson-events-r1", Invocation.EVENT),
    ]
    assert [cell.asynchronous for cell in cells] == [False, True]
    assert {cell.condition.scenario for cell in cells} == {"poisson"}


def test_false_is_as_if_nothing_were_said(tmp_path: Path) -> None:
    plain = load(write_plan(tmp_path / "a", HEAD + POISSON))
    said = load(write_plan(tmp_path / "b", HEAD + POISSON + "asynchronous = false\n"))
    assert planned_cells(said) == planned_cells(plain)


def test_digest_of_a_load_of_requests_is_as_before_there_were_events(tmp_path: Path) -> None:
    plan = load(write_plan(tmp_path, HEAD + POISSON))
    found = digests(plan, planned_cells(plan))
    assert found["kdd99-numpy-256mb-poisson-r1"] == "f7a148620931db30"


def test_digest_tells_what_is_asked_of_the_queue(tmp_path: Path) -> None:
    found = set()
    for number, asked in enumerate(("true", "{ retries = 1 }", "{ max_age_s = 60 }")):
        text = HEAD + POISSON + f"asynchronous = {asked}\n"
        plan = load(write_plan(tmp_path / str(number), text))
        found |= set(digests(plan, planned_cells(plan)).values())
    assert len(found) == 6


@pytest.mark.parametrize(
    ("scenario", "fault"),
    [
        (
            'kind = "poisson"\nrate = 5\nasynchronous = "yes"',
            "scenario[1].asynchronous: must be true, false or a table, not 'yes'",
        ),
        (
            'kind = "poisson"\nrate = 5\nasynchronous = { retries = 3 }',
            "scenario[1].asynchronous.retries: must be at most 2, not 3",
        ),
        (
            'kind = "poisson"\nrate = 5\nasynchronous = { max_age_s = 59 }',
            "scenario[1].asynchronous.max_age_s: must be at least 60, not 59",
        ),
        (
            'kind = "poisson"\nrate = 5\nasynchronous = { max_age = 60 }',
            (
                "scenario[1].asynchronous.max_age: is not known in a poisson scenario; did you "
                "mean 'max_age_s'?"
            ),
        ),
        (
            'kind = "idle"\nasynchronous = true',
            (
                "scenario idle-events.asynchronous: is not for single requests: their gaps count "
                "from a function's answers, and nobody waits for an event's (ramp, constant, "
                "poisson and trace may be of events)"
            ),
        ),
        (
            'kind = "ramp"\nasynchronous = true\nping = { every_minutes = 5 }',
            "scenario ramp-events.ping: cannot stand beside events: pings wait for answers",
        ),
        (
            'kind = "constant"\nasynchronous = true\nwait_s = 0',
            (
                "scenario constant-events.wait_s: must be above 0 where requests are events: they "
                "are accepted at once, so that nothing else holds a user back"
            ),
        ),
        (
            'kind = "constant"\nasynchronous = true\ndilation = "auto"',
            (
                "dilation: auto cannot be reckoned: constant-events sends events, of which nobody "
                "knows how many run at once"
            ),
        ),
    ],
)
def test_what_cannot_be_asked_is_told(tmp_path: Path, scenario: str, fault: str) -> None:
    assert faults(tmp_path, f"{HEAD}[[scenario]]\n{scenario}\n") == [fault]


def test_a_cold_page_cache_is_not_for_events(tmp_path: Path) -> None:
    load_ = '[[scenario]]\nkind = "constant"\nasynchronous = true\n'
    (fault,) = faults(tmp_path, f'page_cache = "cold"\n{HEAD}{load_}')
    assert fault.startswith(
        "scenario constant-events: page_cache cold needs requests one at a time"
    )


def test_a_load_of_events_stands_once(tmp_path: Path) -> None:
    assert faults(tmp_path, HEAD + EVENTS + EVENTS) == ["scenario: poisson-events stands twice"]


def test_line_of_a_fault_is_that_of_the_load_of_events(tmp_path: Path) -> None:
    text = HEAD + POISSON + EVENTS + 'function = "nobody"\n'
    path = write_plan(tmp_path, text)
    with pytest.raises(Exception, match="nobody is not on the axis") as caught:
        load(path)
    line = text.splitlines().index('function = "nobody"') + 1
    assert f"(line {line})" in str(caught.value)


def test_a_template_says_what_its_function_asks(tmp_path: Path) -> None:
    path = write_plan(tmp_path, HEAD + EVENTS)
    (tmp_path / "template.yaml").write_text(ASKING)
    plan, function = load(path), StudyTemplate(tmp_path / "template.yaml").functions["kdd99-numpy"]
    assert reserved_concurrency(plan, function) == 3
    assert event_settings(plan, planned_cells(plan)[0], function) == EventSettings(
        retry_attempts=0, longest_age=300.0, on_success="Done.Arn", dead_letters="Letters.Arn"
    )


def test_a_plan_comes_before_its_template(tmp_path: Path) -> None:
    text = POISSON + "asynchronous = { retries = 2, max_age_s = 60 }\n"
    own = "[functions.kdd99-numpy]\nreserved_concurrency = 0\n"
    path = write_plan(tmp_path, HEAD + text + own)
    (tmp_path / "template.yaml").write_text(ASKING)
    plan, function = load(path), StudyTemplate(tmp_path / "template.yaml").functions["kdd99-numpy"]
    found = event_settings(plan, planned_cells(plan)[0], function)
    assert (found.retry_attempts, found.longest_age, found.barred) == (2, 60.0, True)


def test_a_copy_of_the_template_has_what_the_plan_asks(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(ASKING)
    copy = tmp_path / "copy" / "template.yaml"
    copy.parent.mkdir()
    StudyTemplate(tmp_path / "template.yaml").write_variant(
        *("kdd99-numpy", 256, {}, copy),
        reserved_concurrency=1,
        events={"MaximumRetryAttempts": 2},
    )
    function = StudyTemplate(copy).functions["kdd99-numpy"]
    assert function.reserved_concurrency == 1
    assert (function.events.retry_attempts, function.events.longest_age) == (2, 300.0)
    assert function.events.on_success == "Done.Arn"
