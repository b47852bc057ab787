"""Pages name tests as evidence: each of those is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("page", ["faults.md", "security.md"])
def test_tests_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)`", text)
    assert named
    assert [name for name in named if name not in _TESTS] == []


def test_files_of_tests_that_the_page_of_faults_names_are_there() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    files = set(re.findall(r"`([\w/]+\.py)`", text)) - {"tests/test_documentation.py"}
    assert files
    assert [file for file in files if not (ROOT / "tests" / file).is_file()] == []
