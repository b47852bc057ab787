"""The script that makes stand-ins of base images, with an engine that only answers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="it is about users who are not root")

SCRIPT = Path(__file__).parents[4] / "docker" / "standin.sh"
IMAGE = "python:3.13-slim"


def _run(folder: Path, label: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the script where `docker image inspect` prints `label`, or fails where that is empty."""
    engine = folder / "docker"
    engine.write_text(f'#!/bin/sh\n[ "$1" != image ] || [ "{label}" ] || exit 1\necho "{label}"\n')
    engine.chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "STANDIN_PULL_TIMEOUT": "0"}
    return subprocess.run(
        [SCRIPT, *words], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_user_is_told_to_become_root_and_not_to_install_what_is_installed(tmp_path: Path) -> None:
    done = _run(tmp_path, "", IMAGE)
    assert done.returncode == 1
    assert "takes root, for debootstrap: sudo " in done.stderr
    assert "apt-get install" not in done.stderr


def test_stand_in_of_another_recipe_is_enough_for_a_user(tmp_path: Path) -> None:
    done = _run(tmp_path, IMAGE, IMAGE)
    assert (done.returncode, "is here (a stand-in of another recipe" in done.stderr) == (0, True)
