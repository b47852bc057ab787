from __future__ import annotations

import pytest

from emulator.core.billing import Size
from emulator.core.messages.measurements import Anatomy
from emulator.core.model import StartKind
from emulator.core.prices import Architecture
from emulator.core.profiles.aws_2018 import PRICES_2018
from emulator.core.profiles.aws_2025 import PRICES_2025
from emulator.core.records import InvocationRecord, Status
from emulator.experiments.records.charges import dollars_by_table, invocation_charge

TABLES = {"2018": PRICES_2018, "2025": PRICES_2025}
REQUEST = 0.2e-6


def record(start: StartKind) -> InvocationRecord:
    """A second at 1024 MB; the init of its cold start took another."""
    anatomy = Anatomy(connect=0.25, init=0.75) if start is StartKind.COLD else None
    return InvocationRecord(
        "r", "f", "$LATEST", 1024, 0.0, 1.0, Status.OK, start, 1, 0.0, anatomy=anatomy
    )


def test_each_table_has_its_own_rules() -> None:
    assert dollars_by_table(TABLES, Size(1024), record(StartKind.COLD)) == {
        "2018": pytest.approx(0.00001667 + REQUEST),
        "2025": pytest.approx(2 * 0.0000166667 + REQUEST),
    }


def test_a_provisioned_start_has_the_rate_of_its_own_and_no_price_before_there_was_one() -> None:
    assert dollars_by_table(TABLES, Size(1024), record(StartKind.PROVISIONED)) == {
        "2025": pytest.approx(0.0000097222 + REQUEST)
    }
    with pytest.raises(ValueError, match="no price in the table of 2018-12"):
        invocation_charge(PRICES_2018, Size(1024), record(StartKind.PROVISIONED))


def test_architecture_and_tmp_count() -> None:
    size = Size(1024, Architecture.ARM64, 1536)
    assert dollars_by_table(TABLES, size, record(StartKind.WARM)) == {
        "2025": pytest.approx(0.0000133334 + 0.0000000309 + REQUEST)
    }
