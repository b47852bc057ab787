"""What a build puts into the wheel, and what the package says about itself.

`.ci/package-check` installs the archives into empty environments and uses them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from emulator.cli.extras import missing_extra

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("package")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("only a checkout says which files are its own")
    source = folder / "source"
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith(("docs/", "tests/")) or not (ROOT / name).is_file():
            continue
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run(
        [*build, str(source)], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_wheel_has_the_sample_project_and_what_rooms_read(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {
        "emulator/py.typed",
        "emulator/experiments/report/report.css",
        "emulator/_project/functions/template.yaml",
        "emulator/_project/functions/.dockerignore",
        "emulator/_project/functions/kdd99/layer/kdd99/model.zip",
        "emulator/_project/locustfiles/common.py",
        "emulator/_project/studies/behaviours/daitan-2018.toml",
        "emulator/_project/studies/daitan-2018.toml",
        "emulator/_project/studies/policies/mine.py",
        "emulator/_project/studies/small-numpy.toml",
        "emulator/_project/studies/small.toml",
    } <= names
    for name in names:
        if name.startswith("emulator/_project/"):
            own = ROOT / name.removeprefix("emulator/_project/")
            assert wheel.read(name) == own.read_bytes()


def test_wheel_has_every_module_and_data_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    kept = subprocess.run(
        ["git", "ls-files", "emulator"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    own = {name for name in kept.stdout.split() if (ROOT / name).is_file()}
    assert own <= set(wheel.namelist())


def test_wheel_has_the_licence_and_says_so(wheel: zipfile.ZipFile) -> None:
    folder = next(name for name in wheel.namelist() if name.endswith("/METADATA")).split("/")[0]
    said = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode())
    assert said["License-Expression"] == "Apache-2.0"
    assert said["Author"] == "Serverless testbed contributors"
    assert "Apache License" in wheel.read(f"{folder}/licenses/LICENSE").decode()
    assert said.get_all("Project-URL") is None


def test_every_import_is_declared_and_every_dependency_used() -> None:
    deptry = str(Path(sys.executable).with_name("deptry"))
    done = subprocess.run(
        [deptry, "emulator"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_extra_that_a_command_names_declares_the_module() -> None:
    distributions = {"PIL": "pillow", "flask_cors": "flask-cors"}
    for module in ("PIL", "boto3", "flask_cors", "locust", "matplotlib", "moto", "numpy"):
        sentence = missing_extra(f"{module}.part")
        assert sentence is not None
        found = re.search(r"serverless-testbed\[(\w+)]", sentence)
        assert found is not None
        declared = {
            re.split(r"[\[>]", line)[0] for line in PROJECT["optional-dependencies"][found[1]]
        }
        assert distributions.get(module, module) in declared


def test_lock_names_no_place_of_this_machine() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert [line for line in lines if "@" in line or "://" in line] == []
