from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.errors import SettingsError
from emulator.experiments.plan.template import StudyTemplate
from emulator.sam.template import load
from tests.experiments.plans import TEMPLATE, write_plan

if TYPE_CHECKING:
    from pathlib import Path


def template(folder: Path, text: str = TEMPLATE) -> StudyTemplate:
    write_plan(folder)
    (folder / "template.yaml").write_text(text)
    (folder / "code" / "Dockerfile").write_text("FROM scratch\n")
    return StudyTemplate(folder / "template.yaml")


def test_functions_have_their_names_routes_and_variables(tmp_path: Path) -> None:
    functions = template(tmp_path).functions
    assert list(functions) == ["kdd99-numpy", "Echo"]
    assert functions["kdd99-numpy"].route == "/predict/numpy"
    assert functions["kdd99-numpy"].variables == {"MODEL_LOADING", "OTHER"}
    assert functions["Echo"].route == ""


def test_variables_of_globals_count_too(tmp_path: Path) -> None:
    text = TEMPLATE.replace("    Timeout: 30\n", "    Environment: {Variables: {ALL: x}}\n")
    assert template(tmp_path, text).functions["Echo"].variables == {"ALL"}


def test_the_emulator_reads_the_copy_as_one_function_of_the_cell(tmp_path: Path) -> None:
    copy = tmp_path / "runs" / "cell" / "template.yaml"
    copy.parent.mkdir(parents=True)
    template(tmp_path).write_variant("kdd99-numpy", 640, {"MODEL_LOADING": "s3-init"}, copy)
    (function,) = load(copy).functions
    assert (function.name, function.memory_mb, function.timeout) == ("kdd99-numpy", 640, 30)
    assert dict(function.environment) == {"MODEL_LOADING": "s3-init", "OTHER": "1"}
    assert function.code == str(tmp_path / "code")
    assert function.layers == (str(tmp_path / "code" / "layer"),)
    assert "Echo" not in copy.read_text()  # nor do outputs speak of it


def test_an_image_s_folder_is_found_from_the_copy(tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "template.yaml"
    copy.parent.mkdir()
    template(tmp_path).write_variant("Echo", 128, {"A": "true"}, copy)
    (function,) = load(copy).functions
    assert function.image is not None
    assert function.image.context == str(tmp_path / "code")
    assert dict(function.environment) == {"A": "true"}


def test_a_second_copy_knows_nothing_of_the_first(tmp_path: Path) -> None:
    study = template(tmp_path)
    for name, memory_mb in (("Echo", 256), ("kdd99-numpy", 512)):
        study.write_variant(name, memory_mb, {}, tmp_path / f"{name}.yaml")
    (function,) = load(tmp_path / "kdd99-numpy.yaml").functions
    assert (function.name, function.memory_mb) == ("kdd99-numpy", 512)


def test_a_path_that_is_computed_cannot_be_moved(tmp_path: Path) -> None:
    study = template(tmp_path, TEMPLATE.replace("CodeUri: code/", "CodeUri: !Ref Loading"))
    with pytest.raises(SettingsError, match="CodeUri must be plain text"):
        study.write_variant("kdd99-numpy", 128, {}, tmp_path / "copy.yaml")


@pytest.mark.parametrize("text", ["", "a: b", "Resources: []", "{"])
def test_what_is_no_template_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"template\.yaml"):
        template(tmp_path, text)
