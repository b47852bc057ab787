from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.live.backends.docker.image_facts import ImageFacts
from emulator.live.backends.docker.known_facts import KnownFacts

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FACTS = ImageFacts(("/entry.sh",), (), (("A", "b"),), shell=True, switch=("setpriv",))


def test_facts_are_known_to_the_next_emulator_of_the_same_engine(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    KnownFacts(file, "one").add("sha256:1", FACTS)
    assert KnownFacts(file, "one").get("sha256:1") == FACTS
    assert KnownFacts(file, "one").get("sha256:2") is None
    assert KnownFacts(file, "another").get("sha256:1") is None


def test_facts_of_the_latest_images_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    known = KnownFacts(file, "one")
    for number in range(1001):
        known.add(f"sha256:{number}", FACTS)
    known = KnownFacts(file, "one")
    assert known.get("sha256:0") is None
    assert known.get("sha256:1") == known.get("sha256:1000") == FACTS


def test_file_that_says_something_else_is_as_none(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    for text in ("{", '{"a": 1}', "[]", ""):
        file.write_text(text)
        assert KnownFacts(file).get("sha256:1") is None


def test_file_that_cannot_be_written_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = KnownFacts(tmp_path / "no folder" / "images.json")
    known.add("sha256:1", FACTS)
    assert known.get("sha256:1") == FACTS
    assert "facts of images are not kept" in caplog.text
