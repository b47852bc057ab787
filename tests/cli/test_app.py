from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
import typer

import emulator
from emulator.cli import choices, main, options
from emulator.cli.app import app
from emulator.config import Settings
from emulator.host.compiled import is_compiled

if TYPE_CHECKING:
    from collections.abc import Callable

EXTRAS = ("PIL", "boto3", "flask", "gevent", "locust", "matplotlib", "moto", "numpy", "pyarrow")
COMMANDS = {
    "init": "FOLDER",
    "up": "--settings --host --port --template --account --region --backend --oci-runtime "
    "--profile --keep-alive --recycle-age --policy --idle-speedup --pick-order --binding "
    "--host-memory --admission "
    "--journal-limit --log-limit --start-width --stem-cells --init-cpu --init-timeout --dilation "
    "--network "
    "--page-cache --read-ahead --seed --state-dir --run-dir --left-events "
    "--cgroup-root --aws-endpoint --auth "
    "--alb --no-companion --verbose -v",
    "invoke": "FUNCTION --url --payload --json",
    "ps": "--url --json",
    "logs": "FUNCTION --url --limit --filter --follow -f",
    "recycle": "FUNCTION --url --json",
    "deploy": "TEMPLATE --url --stack --parameter --account --region --json",
    "demo": "--backend --dilation --run-dir --repeat",
    "experiment": "PLAN --run-dir --resume --time-limit --backend --dry-run",
    "simulate": "PLAN --behaviours --calibrate --leave-one-out --page --trace --format --policy "
    "--profile "
    "--memory --cold-start --host-memory --concurrency --asynchronous --failing --sample --window "
    "--scale --journal --seed --jobs --start-width --stem-cells --run-dir",
    "report": "RUN OTHERS --out --json",
    "validate": "DATA --out --seeds",
    "bill": "RUN --prices --free-tier --api --json",
    "import": "FILE RUN --json",
    "tune": "FUNCTION --payload --memory --invocations --strategy --balanced-weight --template "
    "--backend --profile --run-dir --json",
    "bench": "--backend --simulator --control --rehearse --against --turns --at-once --out --json",
    "chaos": "--backend --fault --engine --seed --kills --out --json",
    "soak": "--minutes --backend --out --json",
    "lost-events": "--events --kills --seed --backend --out --json",
    "fidelity": "--backend --repetitions --run-dir --report --json",
    "network": "DATA --out --json",
    "compare-policies": "--trace --format --policies --profile --memory --cold-start --host-memory "
    "--cpu --sample --seed --out",
    "version": "--json",
}


def options_of(command: typer.core.TyperCommand) -> str:
    words = []
    for parameter in command.params:
        is_argument = parameter.param_type_name == "argument"
        words += [str(parameter.name).upper()] if is_argument else parameter.opts
    return " ".join(words)


def test_every_command_keeps_its_options() -> None:
    group = typer.main.get_command(app)
    found = {name: options_of(command) for name, command in group.commands.items()}
    assert found == COMMANDS


def test_every_command_and_option_has_a_help_text_that_ends_as_a_sentence() -> None:
    group = typer.main.get_command(app)
    for command in group.commands.values():
        assert str(command.help).partition("\n")[0].endswith(".")
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help[-1] in ".)", parameter.opts


def test_list_of_commands_cuts_no_sentence_short(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:")[2].partition("Examples:")[0]
    assert len(listed.split("\n")) > len(COMMANDS)
    assert "..." not in listed


def test_every_setting_has_an_option() -> None:
    words = COMMANDS["up"].split()
    settings = {f"--{field.name.replace('_', '-')}" for field in fields(Settings)}
    assert settings - set(words) == {"--companion"}
    assert "--no-companion" in words


@pytest.mark.parametrize(
    ("shown", "values"),
    [
        (options.BACKENDS, choices.backends),
        (options.REAL_BACKENDS, choices.real_backends),
        (options.PROFILES, choices.profiles),
        ("early|late", choices.bindings),
        ("strict|off", choices.auths),
    ],
)
def test_help_names_the_values_that_are_taken(shown: str, values: Callable[[], list[str]]) -> None:
    assert shown.split("|") == values()


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("pick_order", choices.pick_orders),
        ("policy", choices.policies),
        ("keep_alive", choices.lifetimes),
        ("recycle_age", choices.ages),
    ],
)
def test_help_names_every_value_by_its_word(setting: str, values: Callable[[], list[str]]) -> None:
    parameters = {each.name: each for each in typer.main.get_command(app).commands["up"].params}
    told = re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", parameters[setting].help)
    assert [value for value in values() if value not in told] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["ps", "--nonsense"],
        ["invoke"],
        ["demo", "--backend", "podman"],
        ["bench", "--backend", "auto"],
        ["tune", "echo", "--strategy", "luck"],
        ["tune", "echo", "--invocations", "many"],
        ["bill", "run", "--prices", "2001"],
        ["logs", "echo", "--limit", "0"],
    ],
)
def test_wrong_use_ends_with_two_and_begins_nothing(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert "Usage: testbed" in told.err
    assert not told.out


@pytest.mark.parametrize("words", [["--version"], ["version"]])
def test_version_is_that_of_the_package(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    core = "compiled" if is_compiled() else "interpreted"
    assert capsys.readouterr().out == f"testbed {version('serverless-testbed')} ({core} core)\n"
    assert emulator.__version__ == version("serverless-testbed")


def test_scripts_are_told_which_core_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    core = "compiled" if is_compiled() else "interpreted"
    told = {"version": version("serverless-testbed"), "core": core}
    assert json.loads(capsys.readouterr().out) == told


@pytest.mark.parametrize("module", ["emulator", "emulator.cli"])
def test_module_is_the_command(module: str) -> None:
    command = [sys.executable, "-m", module, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("testbed ")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("testbed f", {"fidelity"}),
        ("testbed up --backend ", {"auto", "docker", "process"}),
        ("testbed up --profile aws-20", set(choices.profiles())),
        ("testbed tune --strategy c", {"cost"}),
    ],
)
def test_shell_completes_commands_and_values(words: str, completed: set[str]) -> None:
    count = len(words.split()) - (not words.endswith(" "))
    environment = {
        **os.environ,
        "_TESTBED_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(count),
    }
    program = "from emulator.cli import main; raise SystemExit(main([]))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == completed


@pytest.mark.parametrize("module", ["emulator.cli", "emulator.up.serve", "emulator.cli.deployment"])
def test_serving_needs_no_extra(module: str) -> None:
    program = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", program]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & set(EXTRAS)


def test_command_line_loads_no_server_and_no_rich() -> None:
    program = "import sys, emulator.cli; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    slow = {"rich", "httpx", "pydantic", "fastapi", "uvicorn", "asyncio", "docker"}
    assert not loaded & slow
