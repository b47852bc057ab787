from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from emulator.cli import main
from emulator.errors import TestbedError
from emulator.experiments.fidelity.command import (
    CHART,
    TABLE,
    fidelity_document,
    measure_fidelity,
    report_fidelity,
)
from emulator.experiments.fidelity.report import fidelity_table
from emulator.experiments.fidelity.rows import ROWS, read_fidelity

if TYPE_CHECKING:
    from pathlib import Path

    from tests.experiments.fidelity.conftest import MadeFidelity


def test_table_and_plot_rebuild_from_the_run_directory_alone(measured: MadeFidelity) -> None:
    path = measured.write()
    assert report_fidelity(path) == 0
    assert (path / TABLE).read_text() == fidelity_table(read_fidelity(path))
    assert (path / CHART).read_bytes().startswith(b"\x89PNG")


def test_a_run_needs_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("")
    with pytest.raises(TestbedError, match="is not empty"):
        measure_fidelity(run_dir=tmp_path)


def test_nothing_is_measured_where_no_emulator_starts(tmp_path: Path) -> None:
    assert measure_fidelity(run_dir=tmp_path / "run", python="/bin/false") is None
    assert not (tmp_path / "run" / ROWS).exists()


def test_no_repetition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match="must be 1 or more"):
        measure_fidelity(run_dir=tmp_path / "run", repetitions=0)


def test_figures_for_a_script_are_the_document_of_the_run(
    measured: MadeFidelity, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = measured.write()
    assert main(["fidelity", "--report", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == fidelity_document(folder)


def test_a_document_of_a_run_names_its_folder(measured: MadeFidelity) -> None:
    path = measured.write()
    document = fidelity_document(path)
    assert document["run_dir"] == str(path)
    assert list(document["backends"]) == ["process"]
