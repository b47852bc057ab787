from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.runner.code_version import code_version

if TYPE_CHECKING:
    from pathlib import Path


def test_a_changed_function_is_another_version_and_what_is_made_of_it_is_not(
    tmp_path: Path,
) -> None:
    code = tmp_path / "function"
    code.mkdir()
    (code / "app.py").write_text("one")
    first = code_version([code])
    assert len(first.digest) == 12
    assert code_version([code, tmp_path / "missing"]) == first
    for made in ("__pycache__", ".aws-sam", "target"):
        (code / made).mkdir()
        (code / made / "app.py").write_text("made")
    assert code_version([code]) == first
    (code / "app.py").write_text("two")
    assert code_version([code]).digest != first.digest
