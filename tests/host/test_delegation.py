"""The move into a cgroup of one's own, where a user's systemd can give one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.cli import main
from emulator.host import delegation
from emulator.host.cgroup import DEFAULT_ROOT
from emulator.host.delegation import (
    FORBIDDEN,
    SCOPE,
    delegation_advice,
    enter_delegated_scope,
    is_delegated,
)

BOUND = 120.0
"""Seconds that any one program may take."""
PROGRAM = """
import json, os, sys
sys.path[:0] = {path!r}
from emulator.host.cgroup import DEFAULT_ROOT
from emulator.host.cgroup_tree import find_tree
from emulator.host.delegation import enter_delegated_scope
said = []
enter_delegated_scope(lambda line: print(line, file=sys.stderr))
own = open("/proc/self/cgroup").read().rpartition(":")[2].strip()
tree = find_tree(DEFAULT_ROOT, f"test-{{os.getpid()}}")
found = sorted(tree.controllers) if tree else []
if tree:
    tree.remove()
inside = tree is not None and str(tree.bases[0]).startswith(str(DEFAULT_ROOT) + own)
print("in its own scope" if inside else "elsewhere", file=sys.stderr)
print(json.dumps([os.getpid(), found, sys.argv[1:]]))
"""


def run(*arguments: str, **environ: str) -> tuple[int, list[str], list[str], str]:
    """Returns its process id, usable controllers, arguments, and what it said."""
    code = PROGRAM.format(path=[str(Path(__file__).parents[2])])
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        output, said = process.communicate(timeout=BOUND)
        pid, controllers, seen = json.loads(output)
        assert pid == process.pid
        return pid, controllers, seen, said


def user_systemd() -> bool:
    """Whether this is a login without root whose own systemd can be reached."""
    if not delegation_advice():
        return False
    tried = subprocess.run([*SCOPE, "--", "true"], capture_output=True, check=False)
    return tried.returncode == 0


needs_user_systemd = pytest.mark.skipif(
    not user_systemd(), reason="no login without root over ssh, with cgroup v2 and systemd"
)


@needs_user_systemd
def test_login_without_root_is_given_every_limit() -> None:
    _, controllers, arguments, said = run("an argument", "--more")
    assert {"cpu", "memory", "pids", "freezer"} <= set(controllers)
    assert arguments == ["an argument", "--more"]
    assert "systemd scope" in said
    assert "in its own scope" in said


@needs_user_systemd
def test_move_can_be_forbidden_and_the_line_is_told() -> None:
    _, controllers, _, said = run(**{FORBIDDEN: "0"})
    assert controllers == []
    assert said == "elsewhere\n"
    assert "systemd-run --user --scope -p Delegate=yes testbed up" in delegation_advice()


@needs_user_systemd
def test_login_without_a_bus_goes_on_as_it_is() -> None:
    _, controllers, _, said = run(
        XDG_RUNTIME_DIR="/nowhere", DBUS_SESSION_BUS_ADDRESS="unix:path=/"
    )
    assert controllers == []
    assert said == "elsewhere\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write the top")
def test_root_stays_where_it_is() -> None:
    assert "systemd scope" not in run()[3]
    assert delegation_advice() == ""


def test_no_advice_where_cgroups_are_not_the_unified_ones(tmp_path: Path) -> None:
    assert delegation_advice(tmp_path) == ""


def test_top_of_the_hierarchy_is_nobodys_delegation() -> None:
    assert not is_delegated(DEFAULT_ROOT)
    assert not is_delegated(Path("/nowhere"))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Programs that took this one's place, had a scope been of help."""
    programs: list[str] = []
    monkeypatch.setattr(delegation, "_helps", lambda *_: True)
    monkeypatch.setattr(os, "execvpe", lambda program, *_: programs.append(program))
    return programs


def test_program_starts_anew_where_a_scope_helps(started: list[str]) -> None:
    enter_delegated_scope(lambda _: None)
    assert started == [SCOPE[0]]


def test_caller_who_gives_the_command_line_itself_is_not_replaced(
    started: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test run over ssh was begun anew by its first test of `testbed up`, unheard and unseen."""
    monkeypatch.chdir(tmp_path)
    function = tmp_path / "f"
    function.mkdir()
    (function / "app.py").write_text("def handler(event, context): ...")
    (tmp_path / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function, "
        "Properties: {CodeUri: f, Runtime: python3.13, Handler: app.handler}}}\n"
    )
    (tmp_path / "file").touch()
    words = ["--template", "template.yaml", "--port", "0", "--run-dir", "file/below"]
    assert main(["up", "--backend", "process", *words]) == 2
    assert started == []
