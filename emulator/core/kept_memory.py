"""Says how much memory counts for what an emulator keeps beside sandboxes, to start these sooner.

Lambda shows none of it. A figure has its source, and a letter of trust: H measured here and held by
a report, M measured once, L a guess.
"""

from __future__ import annotations

from typing import Final

CELL_MB: Final = 10
"""MB of a stem cell that no backend has measured (H: an idle sandbox of Python takes 7 to 10 MB in
all on Docker 20.10; a cell of processes 5.35 MB, `an idle stem cell` of docs/bench/report.md)."""

SNAPSHOT_OVERHEAD_MB: Final = 32
"""MB that a snapshot's process may have beyond its function's memory: the page tables of its forks
count there until each fork has been moved to its own cgroup. (H: it is the process's own limit.)"""

READY_FORKS: Final = 2
"""Forks that stand ready of each snapshot: as many as the start queue is wide. (H: by design.)"""

FORK_MB: Final = 5
"""MB of a fork that stands ready: its page tables, and what its start has written. (M: what the
cgroups of forks had in November 2026 on Linux 6.18, kernel memory included: 2.6 to 3.3 MB where the
template has 43 MB, kdd99-litert, and 4.8 to 5.0 MB where it has 540 MB, kdd99-tf.)"""

READY_FORKS_MB: Final = READY_FORKS * FORK_MB
"""MB of all forks that stand ready of a snapshot."""
