from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.runner.cell import variables
from tests.experiments.plans import cells_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("loading", "told"),
    [
        ("template", {}),
        ("every-request", {"MODEL_LOADING": "every-request"}),
        (
            "s3-tmp",
            {
                "MODEL_LOADING": "s3-tmp",
                "MODEL_BUCKET": "models",
                "MODEL_KEY": "kdd99-numpy.zip",
            },
        ),
    ],
)
def test_a_function_is_told_where_its_model_is(
    tmp_path: Path, loading: str, told: dict[str, str]
) -> None:
    cell = cells_of(tmp_path)[0]
    condition = replace(cell.condition, loading=loading)
    assert variables(replace(cell, condition=condition)) == told
