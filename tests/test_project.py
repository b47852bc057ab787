from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulator import project
from emulator.project import KDD99_RECORDS, ProjectExistsError, project_path, write_project

ROOT = Path(__file__).parent.parent


def test_checkout_serves_the_project_from_its_own_folders() -> None:
    assert project_path(KDD99_RECORDS) == ROOT / "functions" / "kdd99" / "records.json"


def test_wheel_serves_the_project_from_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = tmp_path / "emulator" / project.PACKAGED
    write_project(packaged)
    monkeypatch.setattr(project, "files", lambda _: tmp_path / "emulator")
    assert project_path(KDD99_RECORDS) == packaged / KDD99_RECORDS
    assert json.loads(project_path(KDD99_RECORDS).read_bytes())["records"]


def test_written_project_has_all_that_its_template_and_study_name(tmp_path: Path) -> None:
    written = {path.relative_to(tmp_path) for path in write_project(tmp_path)}
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()} == written
    assert {path.parts[0] for path in written} == {"functions", "locustfiles", "studies"}
    assert not [path for path in written if "__pycache__" in path.parts]
    for named in (
        *("functions/template.yaml", "functions/echo/app.py", "studies/small.toml"),
        *("studies/small-numpy.toml", "functions/kdd99-numpy/app.py"),
        *("functions/study.yaml", "functions/kdd99-java/pom.xml", "studies/daitan-2018.toml"),
        *("functions/prediction.yaml", "functions/spin/app.py", "studies/prediction.toml"),
        *("studies/behaviours/daitan-2018.toml", "studies/traces/calls.csv"),
        *("studies/behaviours/events.toml", "studies/events.toml"),
        *("functions/kdd99-tf/Dockerfile", "functions/kdd99/layer/kdd99/model.zip"),
        *("functions/models/layer/python/model_loading.py", "locustfiles/common.py"),
    ):
        assert (tmp_path / named).read_bytes() == (ROOT / named).read_bytes()


def test_project_is_not_written_over_files_of_the_user(tmp_path: Path) -> None:
    own = tmp_path / "functions" / "template.yaml"
    own.parent.mkdir()
    own.write_text("mine")
    with pytest.raises(ProjectExistsError) as caught:
        write_project(tmp_path)
    assert caught.value.paths == [own]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]
    assert own.read_text() == "mine"
