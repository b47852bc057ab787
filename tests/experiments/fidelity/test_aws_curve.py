from __future__ import annotations

import pytest

from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.experiments.fidelity.aws_curve import AWS


def test_the_curve_of_aws_is_whole() -> None:
    assert list(AWS.mean_ms) == [128, 160, 257, 381, 514, 637, 770, 1027, 1283, 1540, 1770]
    means = list(AWS.mean_ms.values())
    assert means == sorted(means, reverse=True)
    assert sum(means) == pytest.approx(748.4)
    # never shorter than the task, nor longer than its share of CPU alone would make it
    for mb, ms in AWS.mean_ms.items():
        assert AWS.task_ms <= ms <= 1.01 * AWS.task_ms / min(1, AWS_2025.vcpus(mb)) + 20
    assert (AWS.task_ms, AWS.repetitions) == (17.56, 2500)
    assert "2506.01283" in AWS.source
