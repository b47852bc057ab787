from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.experiments.plans import PLAN, faults

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "content", ["when\n1\n", "at\n2\n1\n", "at\nsoon\n", "at\n-1\n", "at\nnan\n"]
)
def test_a_trace_must_have_rising_times(tmp_path: Path, content: str) -> None:
    (tmp_path / "trace.csv").write_text(content)
    text = PLAN + '[[scenario]]\nkind = "trace"\nfile = "trace.csv"\n'
    (found,) = faults(tmp_path, text)
    assert found.startswith("scenario[2].file: trace.csv ")


@pytest.mark.parametrize("name", ["x" * 5000, "a\\u0000b", "plan.toml/x", ""])
def test_a_payload_that_cannot_be_looked_at_is_a_fault(tmp_path: Path, name: str) -> None:
    text = f'{PLAN}[functions.kdd99-numpy]\npayload = "{name}"\n'
    (found,) = faults(tmp_path, text)
    assert found.startswith("functions.kdd99-numpy.payload: ")
