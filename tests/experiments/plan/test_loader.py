from __future__ import annotations

from pathlib import Path

import pytest

from emulator.errors import SettingsError
from emulator.experiments.plan.loader import load
from emulator.experiments.plan.model import Axes, Ping, ScenarioKind
from tests.experiments.plans import PLAN, write_plan

STUDIES = sorted((Path(__file__).parents[3] / "studies").glob("*.toml"))


def faults(tmp_path: Path, text: str, *, can_drop_caches: bool = True) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(write_plan(tmp_path, text), can_drop_caches=can_drop_caches)
    head, *lines = str(caught.value).splitlines()
    assert head == f"{tmp_path / 'plan.toml'} is refused:"
    return [line.strip() for line in lines]


def test_what_a_plan_does_not_say_has_its_default(tmp_path: Path) -> None:
    plan = load(write_plan(tmp_path))
    assert plan.axes == Axes(("kdd99-numpy",), (256, 512), backend=("process",))
    assert plan.axes.keep_alive == ("profile",)
    assert plan.axes.loading == ("template",)
    assert (plan.name, plan.seed, plan.repetitions) == ("tiny", 3, 1)
    assert (plan.dilation, plan.page_cache) == ((1,), ("hot",))
    assert plan.template == tmp_path / "template.yaml"
    (ramp,) = plan.scenarios
    assert (ramp.kind, ramp.users, ramp.seconds, ramp.wait_s) == (
        ScenarioKind.RAMP,
        (1, 2),
        0.3,
        0.1,
    )
    assert plan.text == PLAN


def test_the_study_s_own_load_needs_no_figures(tmp_path: Path) -> None:
    text = PLAN.partition("[[scenario]]")[0] + '[[scenario]]\nkind = "ramp"\n'
    text += '[[scenario]]\nkind = "idle"\nidle_speedup = 60\n'
    ramp, idle = load(write_plan(tmp_path, text)).scenarios
    assert (ramp.users, ramp.seconds) == ((3, 6, 9, 18), 120)
    assert (idle.minutes, idle.seconds) == ((0, 6, 16, 31, 61), 61)


def test_all_scenarios_take_what_they_need(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("at,function\n0.5,x\n2.5,x\n")
    text = PLAN + (
        '[[scenario]]\nkind = "constant"\nusers = 4\nseconds = 9\nwarm_up = 2\n'
        '[[scenario]]\nkind = "poisson"\nrate = 0.5\n'
        '[[scenario]]\nkind = "trace"\nfile = "trace.csv"\n'
        '[[scenario]]\nkind = "keep-warm"\nping = {every_minutes = 5, parallel = 3}\n'
    )
    _, constant, poisson, trace, warm = load(write_plan(tmp_path, text)).scenarios
    assert (constant.users, constant.seconds, constant.warm_up) == ((4,), 9, 2)
    assert (poisson.rate, poisson.seconds) == (0.5, 120)
    assert (trace.trace, trace.seconds) == (tmp_path / "trace.csv", 2.5)
    assert warm.ping == Ping(5, 3)


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
        "tempplate: is not known; did you mean 'template'?",
        "name: names a folder: letters, digits, dots and dashes, not 'a/b'",
        "axes.speed: is not known",
        "axes.function[2]: must be a function's name, not 3",
        "axes.memory_mb[3]: 256 stands twice",
        "axes.keep_alive[1]: must be seconds or 'profile', not 'long'",
        "scenario[1].second: is not known in a ramp scenario; did you mean 'seconds'?",
        "scenario[2].ping: is missing",
        "scenario[3].kind: 'ramps' is none of ramp, idle, constant, poisson, trace, keep-warm",
        "scenario[4].kind: a second ramp scenario: no table could tell them apart",
        "functions.other.path: must begin with a slash, not 'predict'",
        f"functions.other.payload: there is no file {tmp_path / 'none.json'}",
        "seed: must be a whole number of at least 0, not -1",
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
        ("dilation = 0", "dilation: must be a whole number of at least 1, not 0"),
        ('page_cache = ["warm"]', "page_cache[1]: 'warm' is none of hot, cold"),
        ("init_timeout = 0", "init_timeout: must be a number above 0, not 0"),
        ("repetitions = true", "repetitions: must be a whole number of at least 1, not True"),
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
    ("axes", "fault"),
    [
        ('loading = "s3-init"', "axes.loading: s3-init needs functions.kdd99-numpy.model"),
        ('loading = "tape"', "axes.loading: 'tape' is none of template, package, layer"),
        ('pick_order = "newest"', "axes.pick_order: 'newest' is none of most-recently-used"),
        ('profile = "aws-2016"', "axes.profile: 'aws-2016' is none of aws-2018, aws-2025"),
        ("keep_alive = -1", "axes.keep_alive: must be seconds or 'profile', not -1"),
    ],
)
def test_a_fault_of_the_axes(tmp_path: Path, axes: str, fault: str) -> None:
    (found,) = faults(tmp_path, PLAN.replace("[axes]\n", f"[axes]\n{axes}\n"))
    assert found.startswith(fault)


def test_a_function_that_reads_no_model_loading_cannot_vary_it(tmp_path: Path) -> None:
    text = PLAN.replace('"kdd99-numpy"', '"Echo"').replace("[axes]", '[axes]\nloading = "package"')
    assert faults(tmp_path, text) == [
        "axes.loading: Echo cannot load its model by package: it sets no MODEL_LOADING"
    ]


def test_a_ping_has_nothing_to_keep_where_nothing_is_kept(tmp_path: Path) -> None:
    text = PLAN.replace("[axes]", "[axes]\nkeep_alive = [0, 600]")
    text += "ping = {every_minutes = 5}\n"
    assert faults(tmp_path, text) == [
        "scenario ramp.ping: keeps nothing warm where axes.keep_alive is 0"
    ]


def test_a_cold_page_cache_asks_for_root(tmp_path: Path) -> None:
    text = PLAN.replace('"ramp"\nusers = [1, 2]', '"constant"')
    assert load(write_plan(tmp_path, 'page_cache = "cold"\n' + text)).page_cache == ("cold",)
    assert faults(tmp_path, 'page_cache = "cold"\n' + text, can_drop_caches=False) == [
        "page_cache: cold asks for root, who alone may write /proc/sys/vm/drop_caches"
    ]


@pytest.mark.parametrize(
    "content", ["when\n1\n", "at\n2\n1\n", "at\nsoon\n", "at\n-1\n", "at\nnan\n"]
)
def test_a_trace_must_have_rising_times(tmp_path: Path, content: str) -> None:
    (tmp_path / "trace.csv").write_text(content)
    text = PLAN + '[[scenario]]\nkind = "trace"\nfile = "trace.csv"\n'
    (found,) = faults(tmp_path, text)
    assert found.startswith("scenario[2].file: trace.csv ")


def test_what_is_no_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"plan\.toml cannot be read: Expected '='"):
        load(write_plan(tmp_path, "name"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_of_the_project_are_right(path: Path) -> None:
    assert load(path).name == path.stem
