from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.experiments.fidelity.aws_curve import AWS
from emulator.experiments.fidelity.chart import draw
from emulator.experiments.fidelity.rows import read_fidelity

if TYPE_CHECKING:
    from tests.experiments.fidelity.conftest import MadeFidelity


def test_the_plot_has_a_curve_of_aws_and_one_of_each_backend(measured: MadeFidelity) -> None:
    curves, errors = draw(read_fidelity(measured.write())).axes
    aws, mean, median = curves.lines
    assert curves.get_yscale() == "log"
    assert list(aws.get_ydata()) == list(AWS.mean_ms.values())
    ours = [ms * 1.1 for ms in AWS.mean_ms.values()]
    assert list(mean.get_ydata()) == pytest.approx(ours, rel=1e-4)
    assert list(median.get_ydata()) == pytest.approx(ours, rel=1e-4)
    assert list(errors.lines[0].get_ydata()) == pytest.approx([10.0] * 11, rel=1e-2)
