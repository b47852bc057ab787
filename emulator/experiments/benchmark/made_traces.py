"""Writes the made traces that docs/scale.md tells of.

    python -m emulator.experiments.benchmark.made_traces FOLDER [SHARE]

FOLDER gets `azure2021.csv`, two weeks of 2,000,000 calls, and `azure2019/`, a day of 46,000
functions with 18,000 calls each on average; SHARE is the part of that to make, such as .01.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from emulator.sim.traces import synthesis

_SEED = 1
_CALLS, _FUNCTIONS, _LENGTH = 2_000_000, 424, 14 * 86_400.0
_FUNCTIONS_OF_A_DAY, _CALLS_OF_A_FUNCTION = 46_000, 18_000.0


def write(folder: Path, share: float) -> None:
    """Writes both traces, or the same share of each."""
    day = folder / "azure2019"
    day.mkdir(parents=True, exist_ok=True)
    calls = synthesis.azure2021(
        round(_CALLS * share),
        _FUNCTIONS,
        _LENGTH,
        random.Random(_SEED),  # noqa: S311  # a workload is no secret
    )
    with (folder / "azure2021.csv").open("w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in calls)
    files = synthesis.azure2019(
        round(_FUNCTIONS_OF_A_DAY * share),
        _CALLS_OF_A_FUNCTION,
        random.Random(_SEED),  # noqa: S311  # a workload is no secret
    )
    for name, lines in zip(("invocations", "durations", "memory"), files, strict=True):
        (day / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 1.0)  # noqa: PLR2004
