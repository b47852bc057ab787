from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.experiments.fidelity.aws_curve import AWS
from emulator.experiments.fidelity.template import FULL_SPEED_MB, write_functions
from emulator.sam.template import load

if TYPE_CHECKING:
    from pathlib import Path


def test_the_template_has_every_size_and_full_speed(tmp_path: Path) -> None:
    template = load(write_functions(tmp_path, AWS.mean_ms), AWS_2025)
    assert [function.memory_mb for function in template.functions] == [*AWS.mean_ms, FULL_SPEED_MB]
    assert AWS_2025.vcpus(FULL_SPEED_MB) >= 2
