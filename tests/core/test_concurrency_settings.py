from __future__ import annotations

import pytest

from emulator.core.concurrency_settings import (
    ABOVE_RESERVED,
    BELOW_PROVISIONED,
    Taken,
    provisioned_fault,
    reservation_fault,
)
from emulator.core.profiles.aws_2026 import AWS_2026


def too_little(what: str) -> str:
    return (
        f"Specified {what}Executions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )


@pytest.mark.parametrize(
    ("reserved", "wanted", "fits"),
    [
        ({}, 900, True),
        ({}, 901, False),
        ({"b": 500}, 400, True),
        ({"b": 500}, 401, False),
        ({"a": 900}, 800, True),
        ({"b": 900}, 0, True),
    ],
)
def test_reservations_leave_a_hundred(reserved: dict[str, int], wanted: int, fits: bool) -> None:
    fault = reservation_fault(Taken(reserved, {}), "a", wanted, AWS_2026)
    assert fault == ("" if fits else too_little("ReservedConcurrent"))


def test_provisioned_concurrency_without_a_reservation_is_the_accounts() -> None:
    taken = Taken({"b": 500}, {"c": 200, "b": 100})
    assert taken.unreserved(1000) == 300
    assert provisioned_fault(taken, "a", 200, 0, AWS_2026) == ""
    assert provisioned_fault(taken, "a", 201, 0, AWS_2026) == too_little("Concurrent")
    assert reservation_fault(taken, "a", 201, AWS_2026) == too_little("ReservedConcurrent")


def test_provisioned_concurrency_is_a_part_of_the_reservation() -> None:
    taken = Taken({"a": 10}, {"a": 6})
    assert provisioned_fault(taken, "a", 4, 0, AWS_2026) == ""
    assert provisioned_fault(taken, "a", 5, 0, AWS_2026) == ABOVE_RESERVED
    assert provisioned_fault(taken, "a", 10, 6, AWS_2026) == ""
    assert reservation_fault(taken, "a", 6, AWS_2026) == ""
    assert reservation_fault(taken, "a", 5, AWS_2026) == BELOW_PROVISIONED
