"""The folders that templates of tests name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _code(tmp_path: Path) -> None:
    for folder in ("code", "layer", "other", "image"):
        (tmp_path / folder).mkdir()
    (tmp_path / "image" / "Dockerfile").touch()
    (tmp_path / "image" / "Other").touch()
