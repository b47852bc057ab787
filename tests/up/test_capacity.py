from __future__ import annotations

import pytest

from emulator.config import Settings
from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.policy import Admission, SchedulerSettings
from emulator.core.stem_cells import StemCells
from emulator.up.capacity import room

ECHO = FunctionConfiguration("echo", "python3.13", "app.echo", memory_mb=128)
KEPT = FunctionConfiguration("kept", "python3.13", "app.echo", memory_mb=256, snap_start=True)


def told(*functions: FunctionConfiguration, cells: int = 0, **settings: Admission) -> list[str]:
    rule = StemCells(cells) if cells else None
    scheduling = SchedulerSettings(host_memory_mb=1024, stem_cells=rule)
    return list(room(Settings(**settings), scheduling, functions))


def test_start_says_how_many_sandboxes_fit() -> None:
    (sentence,) = told(ECHO, admission=Admission.NOMINAL)
    assert "8 of echo (128 MB) fit" in sentence


@pytest.mark.parametrize(("cells", "fit"), [(1, 7), (13, 6)])
def test_start_says_how_many_fit_beside_stem_cells(cells: int, fit: int) -> None:
    sentence = told(ECHO, cells=cells)[1]
    count = "1 stem cell" if cells == 1 else f"{cells} stem cells"
    assert f"{10 * cells} MB are for {count}: {fit} fit beside" in sentence


@pytest.mark.parametrize(("admission", "mb"), [(Admission.NOMINAL, 298), (Admission.ACTUAL, 266)])
def test_start_says_how_many_fit_beside_what_is_kept_for_snapshots(
    admission: Admission, mb: int
) -> None:
    sentence = told(ECHO, KEPT, admission=admission)[1]
    assert sentence == (f"Of that memory {mb} MB are for the snapshot of 1 function: 2 fit beside.")
