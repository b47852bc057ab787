"""The estimate of peak anonymous memory, from a kernel's peak of plain files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.host.memory_peak import AnonymousPeak

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def test_memory_that_was_freed_between_two_samples_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "memory.peak"
    file.write_text(str(5 * MIB))
    peak = AnonymousPeak(file)
    peak.sample(anonymous=5 * MIB, other=0)
    file.write_text(str(105 * MIB))
    peak.sample(anonymous=5 * MIB, other=0)
    assert peak.mb == 105
    peak.close()


def test_page_cache_that_came_or_went_between_two_samples_is_no_anonymous_memory(
    tmp_path: Path,
) -> None:
    file = tmp_path / "memory.peak"
    file.write_text(str(50 * MIB))
    peak = AnonymousPeak(file)
    peak.sample(anonymous=10 * MIB, other=40 * MIB)
    file.write_text(str(50 * MIB))
    peak.sample(anonymous=10 * MIB, other=0)
    assert peak.mb == 10, "the cache was given back"
    file.write_text(str(90 * MIB))
    peak.sample(anonymous=10 * MIB, other=80 * MIB)
    assert peak.mb == 10, "the cache is new"
    peak.close()


def test_each_sample_starts_the_kernels_peak_anew(tmp_path: Path) -> None:
    file = tmp_path / "memory.peak"
    file.write_text("7" * 9)
    peak = AnonymousPeak(file)
    peak.sample(anonymous=0, other=0)
    assert file.read_text().startswith("0")
    peak.close()


def test_most_cache_of_all_samples_is_taken_off_where_the_peak_cannot_start_anew(
    tmp_path: Path,
) -> None:
    peak = AnonymousPeak(tmp_path / "memory.peak")
    peak._resettable = False
    (tmp_path / "memory.peak").write_text(str(100 * MIB))
    peak.sample(anonymous=10 * MIB, other=90 * MIB)
    peak.sample(anonymous=10 * MIB, other=0)
    assert peak.mb == 10
    peak.close()


def test_samples_alone_count_where_the_kernel_keeps_no_peak(tmp_path: Path) -> None:
    peak = AnonymousPeak(tmp_path / "missing")
    peak.sample(anonymous=3 * MIB, other=90 * MIB)
    peak.sample(anonymous=1 * MIB, other=0)
    assert peak.mb == 3
    peak.close()
