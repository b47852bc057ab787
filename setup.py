"""Puts the sample project, which stands in top-level folders, into the package that is built.

Everything else about the package stands in pyproject.toml.
"""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent))  # a build in isolation has no current folder there

from emulator.project import PACKAGED, write_project


class BuildWithProject(build_py):
    """Adds the sample project to the modules of a wheel; an editable install reads the checkout."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "emulator", PACKAGED)
            self.announce(f"writing the sample project into {target}", level=2)
            write_project(target, overwrite=True)


setup(cmdclass={"build_py": BuildWithProject})
