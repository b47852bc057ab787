from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from emulator.core.billing import billed_ms, dollars
from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.messages.measurements import Anatomy
from emulator.core.model import (
    Footprint,
    FunctionVersion,
    Sandbox,
    SandboxState,
    StartKind,
    ThrottleReason,
)
from emulator.core.prices import Architecture
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.records import InvocationRecord, Status
from emulator.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.core.profile import Profile

WARM = InvocationRecord(
    "1",
    "echo",
    "$LATEST",
    1024,
    requested_at=10.0,
    finished_at=10.5,
    status=Status.OK,
    start=StartKind.WARM,
    sandbox=1,
    dispatched_at=10.25,
)
COLD = replace(WARM, start=StartKind.COLD, anatomy=Anatomy(0.5, 0.5, connect=0.05, init=0.2))
UNSTARTED = replace(WARM, start=None, dispatched_at=None)


def no_sandboxes() -> list[Sandbox]:
    return []


class Scrape:
    """What Prometheus would read."""

    def __init__(
        self,
        *records: InvocationRecord,
        profile: Profile = AWS_2025,
        sandboxes: Callable[[], Iterable[Sandbox]] = no_sandboxes,
        configured: dict[str, FunctionConfiguration] | None = None,
    ) -> None:
        metrics = Metrics(profile, sandboxes, (configured or {}).get)
        for record in records:
            metrics.record(record)
        body, content_type = metrics.render()
        assert content_type.startswith("text/plain; version=")
        self.samples = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
            if not sample.name.endswith("_created")
        }

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.samples.get((name, *sorted(labels.items())))

    def all(self, name: str) -> dict[tuple[str, ...], float]:
        """By the labels' values."""
        return {
            tuple(value for _, value in key[1:]): number
            for key, number in self.samples.items()
            if key[0] == name
        }


def test_invocations_are_counted_by_function_start_and_status() -> None:
    got = Scrape(WARM, WARM, COLD, replace(WARM, function="other", status=Status.TIMEOUT))
    assert got.all("testbed_invocations_total") == {
        ("echo", "warm", "ok"): 2,
        ("echo", "cold", "ok"): 1,
        ("other", "warm", "timeout"): 1,
    }


@pytest.mark.parametrize(
    "status", [status for status in Status if status not in {Status.OK, Status.THROTTLED}]
)
def test_every_ending_but_an_answer_is_an_error(status: Status) -> None:
    got = Scrape(WARM, replace(WARM, status=status))
    assert got.all("testbed_errors_total") == {("echo", status.value): 1}


def test_a_throttled_request_is_neither_an_invocation_nor_an_error() -> None:
    reason = ThrottleReason.RESERVED_CONCURRENCY.value
    got = Scrape(replace(UNSTARTED, status=Status.THROTTLED, error_type=reason))
    assert got("testbed_throttles_total", function="echo", reason=reason) == 1
    assert got.all("testbed_invocations_total") == {}
    assert got.all("testbed_errors_total") == {}
    assert got.all("testbed_cost_dollars_total") == {}


def test_cold_starts_and_their_inits() -> None:
    got = Scrape(WARM, COLD, COLD)
    assert got("testbed_cold_starts_total", function="echo") == 2
    assert got("testbed_init_duration_seconds_count", function="echo") == 2
    assert got("testbed_init_duration_seconds_sum", function="echo") == pytest.approx(0.5)
    assert got("testbed_init_duration_seconds_bucket", function="echo", le="0.2") == 0
    assert got("testbed_init_duration_seconds_bucket", function="echo", le="0.3") == 2


def test_durations_are_those_of_the_handler() -> None:
    got = Scrape(WARM, COLD)
    for start in ("warm", "cold"):
        assert got("testbed_duration_seconds_sum", function="echo", start=start) == 0.25
        bucket = "testbed_duration_seconds_bucket"
        assert got(bucket, function="echo", start=start, le="0.1") == 0
        assert got(bucket, function="echo", start=start, le="0.25") == 1


@pytest.mark.parametrize("profile", [AWS_2018, AWS_2025])
def test_cost_follows_the_profiles_prices(profile: Profile) -> None:
    prices = profile.prices
    warm = dollars(prices, 1024, billed_ms(prices, 0.25))
    cold = dollars(prices, 1024, billed_ms(prices, 0.25, 0.25))
    got = Scrape(WARM, COLD, profile=profile)
    assert got.all("testbed_cost_dollars_total") == {
        ("x86_64", "echo"): pytest.approx(warm + cold),
    }


def test_cost_is_by_the_functions_architecture_and_storage() -> None:
    echo = FunctionConfiguration(
        "echo", architecture=Architecture.ARM64, ephemeral_storage_mb=1536, memory_mb=128
    )
    got = Scrape(WARM, replace(WARM, function="other"), configured={"echo:$LATEST": echo})
    own = 0.25 * 0.0000133334 + 0.25 * 1 * 0.0000000309 + 0.20e-6
    assert got.all("testbed_cost_dollars_total") == {
        ("arm64", "echo"): pytest.approx(own),
        ("x86_64", "other"): pytest.approx(0.25 * 0.0000166667 + 0.20e-6),
    }


def test_cost_on_provisioned_concurrency_has_its_own_rate_and_no_init() -> None:
    got = Scrape(replace(COLD, start=StartKind.PROVISIONED))
    assert got("testbed_cost_dollars_total", function="echo", architecture="x86_64") == (
        pytest.approx(0.25 * 0.0000097222 + 0.20e-6)
    )


def test_what_never_reached_a_sandbox_has_neither_duration_nor_cost() -> None:
    got = Scrape(replace(UNSTARTED, status=Status.INIT_ERROR))
    assert got.all("testbed_invocations_total") == {("echo", "none", "init error"): 1}
    assert got.all("testbed_cost_dollars_total") == {}
    assert set(got.all("testbed_duration_seconds_count").values()) == {0}


def test_sandboxes_are_counted_when_the_metrics_are_read() -> None:
    function = FunctionVersion("echo", 128, 3.0)
    alive = [
        Sandbox(1, function, 0.0, 60.0, Footprint(function, 128), function.key, SandboxState.BUSY),
        Sandbox(2, function, 0.0, 60.0, Footprint(function, 128), function.key, SandboxState.IDLE),
        Sandbox(3, function, 0.0, 60.0, Footprint(function, 128), function.key, SandboxState.IDLE),
    ]
    metrics = Metrics(AWS_2025, lambda: alive)

    def by_state() -> dict[str, float]:
        text = metrics.render()[0].decode()
        return {
            sample.labels["state"]: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "testbed_sandboxes" and sample.labels["function"] == "echo"
        }

    others = {
        state.name.lower(): 0
        for state in SandboxState
        if state not in {SandboxState.BUSY, SandboxState.IDLE, SandboxState.GONE}
    }
    assert by_state() == others | {"busy": 1, "idle": 2}
    alive.clear()
    assert set(by_state().values()) == {0}


def test_two_emulators_of_one_process_do_not_share_their_metrics() -> None:
    Scrape(WARM)
    assert Scrape().all("testbed_invocations_total") == {}
