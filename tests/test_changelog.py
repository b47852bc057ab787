"""The changelog groups what has changed, and says each change once, also after a union merge."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

CHANGELOG = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_change_is_told_twice() -> None:
    entries = re.findall(r"^- .*(?:\n  .*)*", CHANGELOG, flags=re.MULTILINE)
    assert entries
    assert [entry for entry, times in Counter(entries).items() if times > 1] == []


def test_changes_stand_in_the_groups_of_keep_a_changelog() -> None:
    unreleased = CHANGELOG.partition("## [Unreleased]")[2]
    assert re.findall(r"^### (\w+)$", unreleased, flags=re.MULTILINE) == [
        "Added",
        "Changed",
        "Fixed",
    ]


def test_no_mark_of_a_merge_is_left() -> None:
    assert re.findall(r"^(?:<{7}|={7}|>{7})", CHANGELOG, flags=re.MULTILINE) == []
