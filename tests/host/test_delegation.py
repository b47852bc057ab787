"""The move into a cgroup of one's own, where a user's systemd can give one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.host.cgroup import DEFAULT_ROOT
from emulator.host.delegation import FORBIDDEN, SCOPE, delegation_advice, is_delegated

BOUND = 30.0
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
