from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from emulator.core.model import StartKind, VersionKey
from emulator.core.open_requests import OpenRequests
from emulator.core.records import InvocationRecord, Status
from emulator.telemetry.metric_data.lambda_metrics import LambdaMetrics
from emulator.telemetry.metric_data.metric import dimensions

if TYPE_CHECKING:
    from emulator.telemetry.metric_data.distribution import Distribution
    from emulator.telemetry.metric_data.metric import Dimensions

OK = InvocationRecord(
    "1",
    "echo",
    "$LATEST",
    128,
    requested_at=10.0,
    finished_at=10.5,
    status=Status.OK,
    start=StartKind.WARM,
    sandbox=1,
    dispatched_at=10.25,
)
FAILED = replace(OK, status=Status.HANDLER_ERROR, finished_at=11.25)
THROTTLED = replace(OK, status=Status.THROTTLED, start=None, dispatched_at=None)
ORIGIN = 1_700_000_000.0
MINUTE = 1_699_999_980
ACCOUNT: Dimensions = ()
FUNCTION: Dimensions = (("FunctionName", "echo"),)
RESOURCE: Dimensions = (("FunctionName", "echo"), ("Resource", "echo"))


def figures(
    *records: InvocationRecord,
    running: dict[str, int] | None = None,
    reserved: dict[str, int] | None = None,
    provisioned: dict[VersionKey, int] | None = None,
) -> dict[tuple[str, Dimensions, int], Distribution]:
    requests = OpenRequests()
    requests.running = running or {}
    requests.reserved = reserved or {}
    requests.provisioned = provisioned or {}
    metrics = LambdaMetrics(lambda at: ORIGIN + at, lambda: requests)
    for record in records:
        metrics.record(record)
    taken = metrics.take()
    assert {sample.metric.namespace for _, sample in taken} == {"AWS/Lambda"}
    assert metrics.take() == []
    return {
        (sample.metric.name, sample.metric.dimensions, sample.at): sample.values
        for _, sample in taken
    }


def test_invocations_are_counted_for_the_account_the_function_and_the_resource() -> None:
    found = figures(OK, FAILED, THROTTLED)
    for owner in (ACCOUNT, FUNCTION, RESOURCE):
        assert found["Invocations", owner, MINUTE].counts == {1.0: 2}
        assert found["Errors", owner, MINUTE].counts == {1.0: 1, 0.0: 1}
        assert found["Throttles", owner, MINUTE].counts == {1.0: 1, 0.0: 2}
        assert found["Duration", owner, MINUTE].counts == {250.0: 1, 1000.0: 1}


def test_a_minute_is_that_of_the_invocation_not_of_its_end() -> None:
    long = replace(OK, finished_at=200.0)
    found = figures(long, replace(OK, requested_at=100.0))
    assert {at for _, _, at in found} == {MINUTE, MINUTE + 120}
    assert found["Duration", FUNCTION, MINUTE].counts == {189_750.0: 1}


def test_a_version_is_a_resource_of_its_own() -> None:
    found = figures(replace(OK, version="7"))
    of_version = (("FunctionName", "echo"), ("Resource", "echo:7"))
    assert found["Invocations", of_version, MINUTE].total == 1
    assert ("Invocations", RESOURCE, MINUTE) not in found


def test_an_alias_is_a_resource_with_the_version_that_it_led_to() -> None:
    found = figures(replace(OK, version="7", alias="live"))
    of_alias = {"FunctionName": "echo", "Resource": "echo:live"}
    assert found["Invocations", dimensions(of_alias), MINUTE].total == 1
    executed = dimensions(of_alias | {"ExecutedVersion": "7"})
    assert found["Invocations", executed, MINUTE].total == 1
    assert ("Invocations", dimensions(of_alias | {"Resource": "echo:7"}), MINUTE) not in found


def test_a_function_of_another_region_has_its_plain_name() -> None:
    found = figures(replace(OK, function="123456789012/eu-west-1/echo"))
    assert found["Invocations", FUNCTION, MINUTE].total == 1


def test_concurrency_counts_the_ended_request_and_those_that_run() -> None:
    found = figures(OK, running={"echo": 2, "other": 3}, reserved={"other": 5})
    assert found["ConcurrentExecutions", FUNCTION, MINUTE].high == 3
    assert found["ConcurrentExecutions", ACCOUNT, MINUTE].high == 6
    assert found["UnreservedConcurrentExecutions", ACCOUNT, MINUTE].high == 3


def test_provisioned_concurrency_is_used_or_spilled_over() -> None:
    found = figures(
        replace(OK, start=StartKind.PROVISIONED),
        OK,
        running={"echo": 2},
        provisioned={VersionKey.of("echo"): 4},
    )
    assert found["ProvisionedConcurrencyInvocations", FUNCTION, MINUTE].total == 1
    assert found["ProvisionedConcurrencySpilloverInvocations", FUNCTION, MINUTE].total == 1
    assert found["ProvisionedConcurrencyUtilization", FUNCTION, MINUTE].high == 0.75


def test_a_request_that_found_no_sandbox_has_no_duration() -> None:
    found = figures(replace(OK, status=Status.START_FAILED, start=None, dispatched_at=None))
    assert found["Errors", FUNCTION, MINUTE].total == 1
    assert ("Duration", FUNCTION, MINUTE) not in found


def test_what_no_record_tells_is_observed() -> None:
    metrics = LambdaMetrics(lambda at: at, OpenRequests)
    told: list[bool] = []
    metrics.filled = lambda: told.append(True)
    metrics.observe("echo", "AsyncEventAge", 12.5, ORIGIN)
    metrics.observe("echo", "AsyncEventAge", 20.0, ORIGIN)
    taken = {sample.metric.dimensions: sample for _, sample in metrics.take()}
    assert taken[FUNCTION].values.total == 32.5
    assert taken[FUNCTION].metric.unit == "Milliseconds"
    assert told == [True]
