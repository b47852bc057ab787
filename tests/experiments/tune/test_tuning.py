from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.errors import SettingsError
from emulator.experiments.tune.tuning import check

if TYPE_CHECKING:
    from emulator.experiments.tune.tuning import Tuning


def test_all_faults_are_told_at_once(tuning: Tuning) -> None:
    wrong = replace(
        tuning,
        function="nobody",
        memories=(100,),
        payloads=(b"{",),
        invocations=4,
        weight=2.0,
        profile="aws-2018",
    )
    with pytest.raises(SettingsError) as raised:
        check(wrong)
    told = str(raised.value)
    assert "no function nobody; it has echo, other." in told
    assert "--memory needs two sizes or more" in told
    assert "--memory 100: aws-2018 has 128 to 3008 MB in steps of 64." in told
    assert "--payload is no JSON" in told
    assert "--invocations must be 5 or more" in told
    assert "--balanced-weight must be from 0" in told


def test_a_tuning_that_can_be_made_has_its_template(tuning: Tuning) -> None:
    assert set(check(tuning).functions) == {"echo", "other"}
