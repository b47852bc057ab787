"""Which modules the compiler gets: all that a decision passes through, but those named here."""

from __future__ import annotations

import ast
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PATH = (
    "emulator.core.record_fold",
    "emulator.core.scheduler",
    "emulator.sim.engine",
    "emulator.sim.exchange",
    "emulator.sim.service",
    "emulator.sim.workload",
)
"""What every invocation of a simulation passes through, with all that these import."""
_STRUCTS = "defines Structs, whose options the compiler drops"
INTERPRETED = {
    "emulator.core.failure_causes": "is asked where something failed",
    "emulator.core.journal": _STRUCTS,
    "emulator.core.kept_memory": "holds constants alone",
    "emulator.core.message_lines": "writes a journal's lines, where one is kept",
    "emulator.core.messages.commands": _STRUCTS,
    "emulator.core.messages.events": _STRUCTS,
    "emulator.core.messages.measurements": _STRUCTS,
    "emulator.core.network_path": "draws the way to a client, which is no decision",
    "emulator.core.records": _STRUCTS,
    "emulator.core.policies.interface": "is derived from by users' policies",
    "emulator.core.version_key": "derives from str, which the compiler cannot",
    "emulator.sim.arrival": _STRUCTS,
    "emulator.sim.behaviour": _STRUCTS,
    "emulator.sim.distributions": "is sent to other processes: a compiled value is not pickled",
}


@pytest.fixture(scope="module")
def compiled() -> set[str]:
    """Returns the modules of the list in setup.py, which cannot be imported without a build."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    paths = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_COMPILED"
    )
    return {path.removesuffix(".py").replace("/", ".") for path in paths}


@pytest.fixture(scope="module")
def on_the_path() -> set[str]:
    graph = grimp.build_graph("emulator", exclude_type_checking_imports=True, cache_dir=None)
    found = set(PATH).union(*(graph.find_upstream_modules(name) for name in PATH))
    rooms = graph.find_descendants("emulator.core.sandboxes")
    return {name for name in found | rooms if not (ROOT / name.replace(".", "/")).is_dir()}


def test_every_module_on_the_path_of_a_decision_is_compiled_or_said_not_to_be(
    compiled: set[str], on_the_path: set[str]
) -> None:
    assert on_the_path - compiled == set(INTERPRETED)


def test_list_names_no_module_that_is_not_there_or_is_said_to_stay_interpreted(
    compiled: set[str],
) -> None:
    assert [
        name for name in compiled if not (ROOT / f"{name.replace('.', '/')}.py").is_file()
    ] == []
    assert not compiled & set(INTERPRETED)
