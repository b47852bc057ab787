from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from emulator.errors import RunDirectoryError
from emulator.experiments.plan.cells import planned_cells
from emulator.experiments.plan.loader import load
from emulator.experiments.records.host_verdict import HostVerdict
from emulator.experiments.records.study_content import CellEntry, read_content
from tests.experiments.plans import PLAN, write_plan

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    axes = {"function": "a", "memory_mb": 256, "profile": "aws-2018", "keep_alive": 600.0}
    cell = {"id": "256", "axes": axes, "scenario": "tune", "status": "done", "host": None}
    text = json.dumps({"name": "x", "started_at": 1, "versions": None, "cells": [cell]})
    (tmp_path / "study.json").write_text(text)
    (read,) = read_content(tmp_path).measured(tmp_path)
    assert (read.condition.keep_alive, read.condition.dilation, read.host) == (
        "600",
        1,
        HostVerdict(),
    )


def test_every_fault_of_a_damaged_file_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text('{"started_at": "noon", "cells": [{"id": "a"}]}')
    with pytest.raises(RunDirectoryError) as caught:
        read_content(tmp_path)
    for place in ("name:", "started_at:", "cells.0.axes:", "cells.0.status:"):
        assert place in str(caught.value)


def test_a_dilation_that_was_chosen_is_kept_as_chosen(tmp_path: Path) -> None:
    plan = 'dilation = "auto"\n' + PLAN
    (cell, _) = planned_cells(load(write_plan(tmp_path, plan)), cpus=1)
    entry = CellEntry.of(cell)
    assert (entry.dilation, entry.dilation_chosen) == (cell.dilation, True)
    read = CellEntry.model_validate_json(entry.model_dump_json()).measured(tmp_path)
    assert (read.condition, read.dilation) == (cell.condition, cell.dilation)
