from __future__ import annotations

import math
from functools import partial
from itertools import permutations
from random import Random
from typing import TYPE_CHECKING

import pytest

from emulator.core.billing import (
    Bill,
    Charge,
    ChargeKind,
    Size,
    api_dollars,
    billed_ms,
    dollars,
    held,
    initialization,
    invocation,
    restore,
    snapshot_kept,
    sum_up,
)
from emulator.core.prices import Api, Architecture
from emulator.core.profiles.aws_2018 import PRICES_2018 as OLD
from emulator.core.profiles.aws_2025 import PRICES_2025 as NEW

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.prices import Prices

ARM = Architecture.ARM64
GIGABYTE = Size(1024)


@pytest.mark.parametrize(
    ("duration", "billed"),
    [(0.0, 100), (0.001, 100), (0.1, 100), (0.100001, 200), (0.3, 300), (2.9, 2900), (3.0, 3000)],
)
def test_2018_bills_whole_tenths_of_a_second(duration: float, billed: int) -> None:
    assert billed_ms(OLD, duration) == billed


@pytest.mark.parametrize(
    ("duration", "billed"),
    [(0.0, 1), (0.00301, 4), (0.003, 3), (0.1 + 0.2, 300), (1.001, 1001), (899.9991, 900_000)],
)
def test_2025_bills_whole_milliseconds(duration: float, billed: int) -> None:
    assert billed_ms(NEW, duration) == billed


@pytest.mark.parametrize("prices", [OLD, NEW])
def test_rounding_is_left_out_only_where_it_changes_nothing(prices: Prices) -> None:
    chance, step = Random(1), prices.billing_step_ms
    near = [whole * step / 1000 + off for whole in range(60) for off in (0, 4e-10, 6e-10, 1e-7)]
    for duration in [*near, *(chance.uniform(0, 900) for _ in range(3000))]:
        rounded = math.ceil(round(duration * 1000, 6) / step)
        assert billed_ms(prices, duration) == max(1, rounded) * step, duration


def test_init_is_billed_since_2025_and_was_free_before() -> None:
    assert billed_ms(NEW, 0.0031, init=0.1101) == 114
    assert billed_ms(OLD, 0.0031, init=0.1101) == 100


def test_price_is_gigabyte_seconds_and_a_request() -> None:
    """3 M requests of 120 ms at 1536 MB are 540,000 GB-s, as in AWS's pricing example."""
    each = dollars(NEW, 1536, 120)
    assert 3_000_000 * each == pytest.approx(540_000 * 0.0000166667 + 0.60)
    assert dollars(OLD, 1024, 1000) == pytest.approx(0.00001667 + 0.0000002)


def test_arm_is_cheaper_and_was_not_to_be_had_in_2018() -> None:
    assert dollars(NEW, 1024, 1000, architecture=ARM) == pytest.approx(0.0000133334 + 0.0000002)
    with pytest.raises(ValueError, match=r"arm64 has no price in the table of 2018-12"):
        dollars(OLD, 1024, 1000, architecture=ARM)


def test_storage_costs_above_512_mb_for_the_time_of_the_run() -> None:
    charge = invocation(NEW, Size(1024, storage_mb=512 + 2048), 3000)
    assert charge.storage_gb_seconds == 6.0
    assert charge.storage == pytest.approx(6 * 0.0000000309)
    assert invocation(NEW, Size(1024, storage_mb=512), 3000).storage == 0.0
    more = dollars(NEW, 1024, 3000, storage_mb=2560) - dollars(NEW, 1024, 3000)
    assert more == pytest.approx(charge.storage)
    with pytest.raises(ValueError, match=r"^'/tmp' has no price in the table of 2018-12$"):
        invocation(OLD, Size(1024, storage_mb=513), 3000)


@pytest.mark.parametrize(
    ("architecture", "run", "kept"),
    [(Architecture.X86_64, 0.0000097222, 0.0000041667), (ARM, 0.0000077778, 0.0000033334)],
)
def test_provisioned_concurrency_has_a_rate_for_running_and_one_for_being_there(
    architecture: Architecture, run: float, kept: float
) -> None:
    size = Size(2048, architecture)
    charge = invocation(NEW, size, 1500, provisioned=True)
    assert charge.compute == pytest.approx(3.0 * run)
    assert charge.request == NEW.request
    assert charge.kind is ChargeKind.PROVISIONED
    due = dollars(NEW, 2048, 1500, architecture=architecture, provisioned=True)
    assert due == charge.dollars
    assert held(NEW, size, 10, 600.0).compute == pytest.approx(10 * 600 * 2 * kept)


@pytest.mark.parametrize(
    ("seconds", "counted"), [(0.0, 0), (0.5, 300), (300.0, 300), (300.1, 600), (7200, 7200)]
)
def test_held_time_counts_in_whole_five_minutes(seconds: float, counted: int) -> None:
    assert held(NEW, GIGABYTE, 1, seconds).gb_seconds == counted


def test_held_time_of_aws_own_example() -> None:
    """1,000 of 1024 MB for two hours, with 1.2 M requests of a second: $30.00, $11.67, $0.24."""
    assert held(NEW, GIGABYTE, 1000, 7200).dollars == pytest.approx(30.00, abs=0.005)
    each = invocation(NEW, GIGABYTE, 1000, provisioned=True)
    assert 1_200_000 * each.compute == pytest.approx(11.67, abs=0.005)
    assert 1_200_000 * each.request == pytest.approx(0.24)


def test_init_of_a_provisioned_sandbox_is_time_without_a_request() -> None:
    charge = initialization(NEW, GIGABYTE, 0.2501)
    assert (charge.kind, charge.requests, charge.request) == (ChargeKind.PROVISIONED, 0, 0.0)
    assert charge.gb_seconds == pytest.approx(0.251)
    assert charge.compute == pytest.approx(0.251 * 0.0000097222)


@pytest.mark.parametrize(
    ("buy", "what"),
    [
        (partial(invocation, OLD, GIGABYTE, 100, provisioned=True), "provisioned"),
        (partial(initialization, OLD, GIGABYTE, 1.0), "provisioned"),
        (partial(held, OLD, GIGABYTE, 1, 1.0), "held"),
    ],
)
def test_2018_had_no_provisioned_concurrency(buy: Callable[[], Charge], what: str) -> None:
    with pytest.raises(ValueError, match=f"^'{what}' has no price in the table of 2018-12$"):
        buy()


def test_api_gateway_asks_by_the_kind_of_api() -> None:
    assert api_dollars(NEW, 1_000_000, Api.HTTP) == pytest.approx(1.00)
    assert api_dollars(NEW, 1_000_000, Api.REST) == pytest.approx(3.50)
    assert api_dollars(OLD, 1_000_000, Api.REST) == pytest.approx(3.50)
    with pytest.raises(ValueError, match="HTTP API has no price in the table of 2018-12"):
        api_dollars(OLD, 1, Api.HTTP)


CHARGES = (
    invocation(NEW, GIGABYTE, 500),
    invocation(NEW, Size(512, ARM, storage_mb=1536), 2000),
    invocation(NEW, GIGABYTE, 250, provisioned=True),
    held(NEW, GIGABYTE, 2, 300),
)


def test_bill_sums_requests_gigabyte_seconds_and_dollars_by_kind() -> None:
    bill = sum_up(NEW, CHARGES)
    assert (bill.requests, bill.gb_seconds, bill.held.gb_seconds) == (3, 1.75, 600.0)
    assert (bill.on_demand.requests, bill.on_demand.storage_gb_seconds) == (2, 2.0)
    assert bill.dollars() == pytest.approx(sum(charge.dollars for charge in CHARGES))
    kinds = [bill.on_demand.kind, bill.provisioned.kind, bill.held.kind]
    assert kinds == [ChargeKind.ON_DEMAND, ChargeKind.PROVISIONED, ChargeKind.HELD]
    per_million = bill.per_million_requests()
    assert per_million == pytest.approx(bill.dollars() / 3 * 1_000_000, rel=1e-9)


def test_order_of_charges_does_not_matter() -> None:
    first, *others = (sum_up(NEW, order).dollars() for order in permutations(CHARGES))
    assert others == pytest.approx([first] * len(others))


def test_bill_of_nothing() -> None:
    bill = sum_up(NEW, [])
    assert bill == Bill(NEW)
    assert bill.dollars() == bill.dollars(free_tier=True) == 0.0
    assert bill.per_million_requests() is None


def ran(requests: int, gb_seconds: float, kind: ChargeKind = ChargeKind.ON_DEMAND) -> Charge:
    """At the rates of x86_64 on demand."""
    return Charge(
        kind,
        requests,
        gb_seconds,
        compute=gb_seconds * NEW.x86_64.gb_second,
        request=requests * NEW.request,
    )


def test_free_tier_takes_off_a_month_of_requests_and_gigabyte_seconds() -> None:
    """3 M requests and 540,000 GB-s cost $2.33 and $0.40, as in AWS's pricing example."""
    bill = sum_up(NEW, [ran(3_000_000, 540_000)])
    assert bill.dollars(free_tier=True) == pytest.approx(140_000 * 0.0000166667 + 0.40)
    assert bill.per_million_requests(free_tier=True) == pytest.approx(2.73 / 3, abs=0.01)


def test_free_tier_takes_off_no_more_than_was_used() -> None:
    bill = sum_up(NEW, [ran(1000, 500_000)])
    assert bill.dollars(free_tier=True) == pytest.approx(100_000 * 0.0000166667)
    assert sum_up(NEW, [ran(1000, 400_000)]).dollars(free_tier=True) == pytest.approx(0.0)


def test_free_tier_is_not_of_provisioned_concurrency_or_storage() -> None:
    paid = [ran(10, 10, ChargeKind.PROVISIONED), held(NEW, GIGABYTE, 1, 300)]
    stored = invocation(NEW, Size(1024, storage_mb=1536), 1000)
    bill = sum_up(NEW, [*paid, stored])
    due = sum(charge.dollars for charge in paid) + stored.storage
    assert bill.dollars(free_tier=True) == pytest.approx(due)


def test_snapshot_costs_its_memory_for_each_restore_and_each_second_from_three_hours_on() -> None:
    assert restore(NEW, Size(2048)).dollars == pytest.approx(2 * 0.0001397998)
    hour = snapshot_kept(NEW, Size(1024), 3600).dollars
    assert hour == pytest.approx(10_800 * 0.0000015046)
    day = snapshot_kept(NEW, Size(1024), 86_400).dollars
    assert day == pytest.approx(86_400 * 0.0000015046)
    with pytest.raises(ValueError, match="no price"):
        restore(OLD, Size(1024))
