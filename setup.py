"""Puts the sample project, which stands in top-level folders, into the package that is built.

With TESTBED_COMPILE=1 the core is compiled by mypyc as well, unchanged; `make compiled` does it.
Everything else about the package stands in pyproject.toml.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from setuptools import setup
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent))  # a build in isolation has no current folder there

from emulator.project import PACKAGED, write_project

if TYPE_CHECKING:
    from setuptools import Extension

_COMPILED = (
    "emulator/core/billing.py",
    "emulator/core/concurrency.py",
    "emulator/core/deadlines.py",
    "emulator/core/hand_over.py",
    "emulator/core/host_capacity.py",
    "emulator/core/model.py",
    "emulator/core/open_requests.py",
    "emulator/core/placement.py",
    "emulator/core/policies/clocked.py",
    "emulator/core/policy.py",
    "emulator/core/provisioning.py",
    "emulator/core/record_fold.py",
    "emulator/core/sandboxes/ahead_of_need.py",
    "emulator/core/sandboxes/births.py",
    "emulator/core/sandboxes/cells.py",
    "emulator/core/sandboxes/idle.py",
    "emulator/core/sandboxes/invariants.py",
    "emulator/core/sandboxes/lives.py",
    "emulator/core/sandboxes/moves.py",
    "emulator/core/sandboxes/requests.py",
    "emulator/core/sandboxes/settings.py",
    "emulator/core/sandboxes/waiting.py",
    "emulator/core/scheduler.py",
    "emulator/core/stem_cells.py",
    "emulator/core/tenancy.py",
    "emulator/experiments/policies/taker.py",
    "emulator/sim/agenda.py",
    "emulator/sim/chance.py",
    "emulator/sim/clients.py",
    "emulator/sim/engine.py",
    "emulator/sim/exchange.py",
    "emulator/sim/sandbox.py",
    "emulator/sim/sandboxes.py",
    "emulator/sim/service.py",
    "emulator/sim/workload.py",
)
"""Modules on the path of every decision; tests/test_compiled.py says which are not, and why.
Policies stay interpreted, since users derive from them."""


class BuildWithProject(build_py):
    """Adds the sample project to the modules of a wheel; an editable install reads the checkout."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "emulator", PACKAGED)
            self.announce(f"writing the sample project into {target}", level=2)
            write_project(target, overwrite=True)


def _extensions() -> list[Extension]:
    """Returns the compiled core, where it is asked for; mypyc and a C compiler must be there."""
    if os.environ.get("TESTBED_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415  # not there unless it is asked for

    found: list[Extension] = mypycify(list(_COMPILED), group_name="testbed_core")
    return found


setup(cmdclass={"build_py": BuildWithProject}, ext_modules=_extensions())
