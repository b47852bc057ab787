"""The kernel's text, as three kernels wrote it."""

from __future__ import annotations

import pytest

from emulator.host.memory_counters import MemoryCounters, read_v1, read_v2

V1 = b"""cache 9916416
rss 15269888
rss_huge 0
shmem 9084928
workingset_refault_anon 7
workingset_refault_file 4411
pgfault 129370
pgmajfault 3
hierarchical_memory_limit 9223372036854771712
total_cache 11349864448
total_rss 681623552
total_rss_huge 0
total_workingset_refault_anon 9
total_workingset_refault_file 7356669
total_pgfault 331270039
total_pgmajfault 32188
"""
"""Linux 6.18, abridged."""
V1_OLD = b"""cache 0
rss 4096
pgmajfault 1
total_cache 8192
total_rss 12288
total_pgmajfault 2
"""
"""Linux 5.4, abridged."""
V2 = b"""anon 2211840
file 14467072
kernel 1982464
kernel_stack 49152
pagetables 200704
shmem 0
file_mapped 11083776
inactive_anon 2187264
workingset_refault_anon 11
workingset_refault_file 52
workingset_activate_file 20
pgfault 9402
pgmajfault 64
"""
"""Linux 6.1, abridged."""
V2_OLD = b"anon 1\nfile 2\npgfault 4\npgmajfault 3\nworkingset_refault 5\n"
"""Linux 5.4, abridged."""


@pytest.mark.parametrize(
    ("read", "text", "counters"),
    [
        (read_v1, V1, MemoryCounters(681623552, 11349864448, 32188, 7356669)),
        (read_v1, V1_OLD, MemoryCounters(12288, 8192, 2, None)),
        (read_v1, b"", None),
        (read_v2, V2, MemoryCounters(2211840, 14467072, 64, 52)),
        (read_v2, V2_OLD, MemoryCounters(1, 2, 3, 5)),
        (read_v2, b"", None),
    ],
)
def test_counters_are_read_from_the_kernels_text(
    read: object, text: bytes, counters: MemoryCounters | None
) -> None:
    assert read(text) == counters  # type: ignore[operator]
