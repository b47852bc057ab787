from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import SettingsError
from emulator.experiments.plan.faults import PlanFaults
from emulator.experiments.plan.loader import load, validated
from emulator.experiments.plan.model import Axes, Plan
from emulator.experiments.plan.scenarios import Constant, Idle, KeepWarm, Ping, Poisson, Ramp, Trace
from emulator.experiments.plan.values import PlanSource
from tests.experiments.plans import PLAN, faults, write_plan

KINDS = "'ramp', 'idle', 'constant', 'poisson', 'trace', 'keep-warm'"
STUDIES = sorted((Path(__file__).parents[3] / "studies").glob("*.toml"))


def test_what_a_plan_does_not_say_has_its_default(tmp_path: Path) -> None:
    plan = load(write_plan(tmp_path))
    assert plan.axes == Axes(function=("kdd99-numpy",), memory_mb=(256, 512), backend=("process",))
    assert plan.axes.keep_alive == ("profile",)
    assert plan.axes.loading == ("template",)
    assert (plan.name, plan.seed, plan.repetitions) == ("tiny", 3, 1)
    assert (plan.dilation, plan.page_cache) == ((1,), ("hot",))
    assert plan.template == tmp_path / "template.yaml"
    (ramp,) = plan.scenarios
    assert ramp == Ramp(users=(1, 2), seconds=0.3, wait_s=0.1)
    assert plan.text == PLAN


@pytest.mark.parametrize(
    ("stated", "paths"),
    [
        ("", ("local",)),
        ('network = "aws-2018/sao-paulo-us-east-1"', ("aws-2018/sao-paulo-us-east-1",)),
        ('network = {path = "local"}', ("local",)),
        (
            'network.path = ["local", "aws-2018/sao-paulo-us-east-1"]',
            ("local", "aws-2018/sao-paulo-us-east-1"),
        ),
    ],
)
def test_a_network_is_a_name_or_a_table_of_paths(
    tmp_path: Path, stated: str, paths: tuple[str, ...]
) -> None:
    assert load(write_plan(tmp_path, f"{stated}\n{PLAN}")).network.path == paths


def test_the_study_s_own_load_needs_no_figures(tmp_path: Path) -> None:
    text = PLAN.partition("[[scenario]]")[0] + '[[scenario]]\nkind = "ramp"\n'
    text += '[[scenario]]\nkind = "idle"\nidle_speedup = 60\n'
    ramp, idle = load(write_plan(tmp_path, text)).scenarios
    assert ramp == Ramp(users=(3, 6, 9, 18), seconds=120)
    assert idle == Idle(minutes=(0, 6, 16, 31, 61), idle_speedup=60)
    assert idle.seconds == 61


def test_all_scenarios_take_what_they_need(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("at,function\n0.5,x\n2.5,x\n")
    text = PLAN + (
        '[[scenario]]\nkind = "constant"\nusers = 4\nseconds = 9\nwarm_up = 2\n'
        '[[scenario]]\nkind = "poisson"\nrate = 0.5\n'
        '[[scenario]]\nkind = "trace"\nfile = "trace.csv"\n'
        '[[scenario]]\nkind = "keep-warm"\nping = {every_minutes = 5, parallel = 3}\n'
    )
    _, constant, poisson, trace, warm = load(write_plan(tmp_path, text)).scenarios
    assert constant == Constant(users=(4,), seconds=9, warm_up=2)
    assert poisson == Poisson(rate=0.5, seconds=120)
    assert isinstance(trace, Trace)
    assert (trace.file, trace.seconds) == (tmp_path / "trace.csv", 2.5)
    assert warm == KeepWarm(ping=Ping(every_minutes=5, parallel=3))


def test_another_backend_takes_the_place_of_the_plan_s(tmp_path: Path) -> None:
    assert load(write_plan(tmp_path), backends=["docker", "docker"]).axes.backend == ("docker",)


def test_all_faults_come_at_once_each_with_its_place(tmp_path: Path) -> None:
    text = """\
tempplate = "x"
name = "a/b"
template = "template.yaml"
seed = -1
[axes]
function = ["kdd99-nunpy", 3]
memory_mb = [100, 256, 256, 129]
profile = "aws-2018"
keep_alive = ["long"]
speed = 1
[functions.other]
payload = "none.json"
path = "predict"
[[scenario]]
kind = "ramp"
second = 8
[[scenario]]
kind = "keep-warm"
[[scenario]]
kind = "ramps"
[[scenario]]
kind = "ramp"
"""
    assert faults(tmp_path, text) == [
        "name: names a folder: letters, digits, dots and dashes, not 'a/b'",
        "seed: must be at least 0, not -1",
        "axes.function[2]: must be text, not 3",
        (
            "axes.keep_alive[1]: must be seconds, 'profile', aws-2018, aws-2018-us-west-2, "
            "aws-2018-us-east-1, aws-2020, aws-2025, not 'long'"
        ),
        "axes.speed: is not known",
        "scenario[1].second: is not known in a ramp scenario; did you mean 'seconds'?",
        "scenario[2].ping: is missing",
        f"scenario[3].kind: must be one of {KINDS}, not 'ramps'",
        "functions.other.path: must begin with a slash, not 'predict'",
        f"functions.other.payload: there is no file {tmp_path / 'none.json'}",
        "tempplate: is not known; did you mean 'template'?",
        "axes.memory_mb: 256 stands twice",
        "scenario: ramp stands twice",
        "axes.memory_mb: 100 is no size of aws-2018: 128 to 3008 MB in steps of 64",
        "axes.memory_mb: 129 is no size of aws-2018: 128 to 3008 MB in steps of 64",
        "axes.function: 'kdd99-nunpy' is not in template.yaml, which has kdd99-numpy, Echo",
        "functions.other: is not on the axis of functions",
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ('page_cache = "cold"', "scenario ramp: page_cache cold needs requests one at a time"),
        ("dilation = [1, 51]", "dilation: 51 is above 50: no CPU period is so long"),
        ("dilation = 0", "dilation: must be at least 1, not 0"),
        (
            'page_cache = ["warm"]',
            "page_cache[1]: must be one of 'hot', 'cold' or 'private', not 'warm'",
        ),
        ("init_timeout = 0", "init_timeout: must be above 0, not 0"),
        ("template = 3", "template: must be text, not 3"),
        (
            'network = "aws-2018/lisbon"',
            "network.path: must be one of local, aws-2018/sao-paulo-us-east-1",
        ),
        ('network = {path = ["local", "local"]}', "network.path: local stands twice"),
        ('network = {paths = "local"}', "network.paths: is not known; did you mean 'path'?"),
        ("network = 3", "network: must be a table, not 3"),
        ("repetitions = true", "repetitions: must be a whole number, not True"),
        ('functions = "x"', "functions: must be a table"),
        ("scenario = []", "scenario: must name at least one"),
        ('scenario = "ramp"', "scenario: must be a list of tables, [[scenario]]"),
        ('template = "none.yaml"', "template: {folder}/none.yaml cannot be read"),
        ('template = "code"', "template: {folder}/code cannot be read"),
    ],
)
def test_a_fault_of_the_plan_itself(tmp_path: Path, change: str, fault: str) -> None:
    text = PLAN.replace('template = "template.yaml"\n', "") if "template" in change else PLAN
    text = text.partition("[[scenario]]")[0] if "scenario" in change else text
    (found,) = faults(tmp_path, f"{change}\n{text}")
    assert found.startswith(fault.format(folder=tmp_path))


@pytest.mark.parametrize(
    ("scenario", "fault"),
    [
        ('kind = "idle"\nminutes = [0, 6, 6]', "scenario[2].minutes: must rise"),
        ('kind = "idle"\nminutes = []', "scenario[2].minutes: must name at least one"),
        ('kind = "idle"\nminutes = [0, "x", 9]', "scenario[2].minutes[2]: must be a number"),
        ('kind = "constant"\nusers = [1, 2]', "scenario[2].users: must be one value"),
        ('kind = "poisson"', "scenario[2].rate: is missing"),
        ('kind = "poisson"\nrate = inf', "scenario[2].rate: must be a finite number, not inf"),
        ('kind = "keep-warm"\nping = {}', "scenario[2].ping.every_minutes: is missing"),
        (
            'kind = "keep-warm"\nping = {every_minute = 5, every_minutes = 5}',
            "scenario[2].ping.every_minute: is not known in a keep-warm scenario; did you mean",
        ),
        ('kind = "keep-warm"\nping = 5', "scenario[2].ping: must be a table, not 5"),
        ("seconds = 5", "scenario[2].kind: is missing"),
        ('kind = "idle"\nmemory_mb = 300', "scenario idle.memory_mb: 300 is not on the axis"),
        ('kind = "idle"\ndilation = [2, 2]', "scenario idle.dilation: 2 stands twice"),
        ('kind = "idle"\ndilation = 51', "scenario idle.dilation: 51 is above 50"),
        ('kind = "idle"\nwarm_up = -1', "scenario[2].warm_up: must be at least 0, not -1"),
    ],
)
def test_a_fault_of_a_scenario(tmp_path: Path, scenario: str, fault: str) -> None:
    (found,) = faults(tmp_path, f"{PLAN}[[scenario]]\n{scenario}\n")
    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["axes: is missing", "scenario: is missing"]),
        ("axes = 1", ["axes: must be a table, not 1", "scenario: is missing"]),
        (
            '[axes]\nfunction = []\n[[scenario]]\nkind = "idle"',
            ["axes.function: must name at least one", "axes.memory_mb: is missing"],
        ),
        (
            "scenario = [1, 2]\n[axes]\nfunction = [7]\nmemory_mb = 512",
            [
                "axes.function[1]: must be text, not 7",
                "scenario[1]: must be a table, not 1",
                "scenario[2]: must be a table, not 2",
            ],
        ),
    ],
)
def test_what_must_be_there_is_missed_once(tmp_path: Path, text: str, told: list[str]) -> None:
    assert faults(tmp_path, f'template = "template.yaml"\n{text}') == told


@pytest.mark.parametrize(
    ("axes", "fault"),
    [
        ('loading = "s3-init"', "axes.loading: s3-init needs functions.kdd99-numpy.model"),
        ('loading = "tape"', "axes.loading: must be one of 'template', 'package', 'layer'"),
        ('pick_order = "newest"', "axes.pick_order: must be one of 'most-recently-used'"),
        (
            'profile = "aws-2016"',
            "axes.profile: must be one of aws-2018, aws-2025, aws-2026, not 'aws-2016'",
        ),
        ("keep_alive = -1", "axes.keep_alive: must be seconds, 'profile', aws-2018, aws-2018-us-"),
        ("policy = 3", "axes.policy: must be the name of a policy, not 3"),
        ('policy = "lru:size=3"', "axes.policy: policy lru:size=3: "),
    ],
)
def test_a_fault_of_the_axes(tmp_path: Path, axes: str, fault: str) -> None:
    (found,) = faults(tmp_path, PLAN.replace("[axes]\n", f"[axes]\n{axes}\n"))
    assert found.startswith(fault)


def test_what_is_no_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"plan\.toml cannot be read: Expected '='"):
        load(write_plan(tmp_path, "name"))
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match=r"bytes\.toml cannot be read: it is not UTF-8"):
        load(tmp_path / "bytes.toml")


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_of_the_project_are_right(path: Path) -> None:
    assert load(path).name == path.stem


KEYS = st.sampled_from([*Plan.model_fields, "scenario", *Axes.model_fields, "kind", "ping", "x"])
KEYS |= st.sampled_from(["users", "minutes", "every_minutes", "payload", "path", "file", "rate"])
PLAIN = st.booleans() | st.integers(-2, 999) | st.floats() | st.datetimes()
PLAIN |= st.sampled_from(
    ["", "ramp", "idle", "trace", "keep-warm", "/x", "\0", "profile", "a" * 300]
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(raw=st.dictionaries(KEYS, VALUES, max_size=6))
def test_whatever_a_plan_says_is_a_plan_or_has_faults(raw: dict[str, Any]) -> None:
    """What TOML can say at all: every fault ends in a line, and what is left is a plan."""
    found = PlanFaults(raw)
    plan = validated(PlanSource(Path("plan.toml"), "", raw), [], found)
    assert isinstance(plan, Plan)
    assert all(re.match(r"\S.*: \S", line) for line in found.lines())
    # what was taken out of the plan was a fault
    assert bool(found) or plan.scenarios or "scenario" not in raw


def test_each_fault_of_a_plan_tells_its_line(tmp_path: Path) -> None:
    text = """\
name = "tiny"
template = "template.yaml"

[axes]
function = ["kdd99-numpy", "unknown"]
memory_mb = [1]
keep_alive = 0

[[scenario]]
kind = "ramp"
ping = { every_minutes = 1 }

[[scenario]]
kind = "constant"
seconds = -1
colour = "red"

[[scenario]]
seconds = 3
"""
    with pytest.raises(SettingsError) as caught:
        load(write_plan(tmp_path, text))
    told = dict(re.findall(r"^  (\S.*?): .* \(line (\d+)\)$", str(caught.value), re.MULTILINE))
    assert told == {
        "axes.function": "5",
        "axes.memory_mb": "6",
        "scenario ramp.ping": "11",
        "scenario[2].seconds": "15",
        "scenario[2].colour": "16",
        "scenario[3].kind": "18",
    }
