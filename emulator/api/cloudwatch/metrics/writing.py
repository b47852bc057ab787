"""Serves PutMetricData.

Source of limits and sentences: the API reference of CloudWatch, whose answers name a datum by its
place, `MetricData.member.1`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from emulator.api.cloudwatch.metrics.query import combination_refused, value_refused
from emulator.api.services.calls import ServiceError
from emulator.core.function_names import Scope
from emulator.telemetry.metric_data.distribution import Distribution
from emulator.telemetry.metric_data.metric import Metric, Sample, dimensions, minute_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.api.services.calls import Call, Operation
    from emulator.live.store.metrics.archive import MetricArchive

_FUTURE = 2 * 3600
_PAST = 14 * 86_400
_MOST_DATA = 1000
_MOST_VALUES = 150
_LARGEST = 2.0**360
_NO_UNIT = "None"
_RESERVED = "AWS/"


class MetricWritingOperations:
    """Takes the values of metrics that clients put themselves."""

    def __init__(self, archive: MetricArchive) -> None:
        self._archive = archive

    def operations(self) -> dict[str, Operation]:
        return {"PutMetricData": self._put}

    async def _put(self, call: Call) -> Mapping[str, Any]:
        given = call.arguments
        namespace = given["Namespace"]
        if namespace.startswith(_RESERVED):
            value_refused(f"The value {_RESERVED} for parameter Namespace is invalid.")
        data = [*given.get("MetricData", ())]
        for entity in given.get("EntityMetricData", ()):
            data += entity.get("MetricData", ())
        if not data:
            sentence = "The parameter MetricData is required."
            raise ServiceError("MissingParameter", sentence)
        if len(data) > _MOST_DATA:
            value_refused(
                f"The collection MetricData must not have a size greater than {_MOST_DATA}."
            )
        samples = list(_samples(namespace, data, self._archive.now()))
        await self._archive.put(Scope(call.account, call.region), samples)
        return {}


def _samples(namespace: str, data: list[Mapping[str, Any]], now: float) -> Iterator[Sample]:
    for number, datum in enumerate(data, 1):
        where = f"MetricData.member.{number}"
        pairs = {one["Name"]: one["Value"] for one in datum.get("Dimensions", ())}
        stated = datum.get("Timestamp")
        at = now if stated is None else stated.timestamp()
        if at > now + _FUTURE:
            value_refused(
                f"The parameter {where}.Timestamp must specify a time no more than two hours in "
                "the future."
            )
        if at < now - _PAST:
            value_refused(
                f"The parameter {where}.Timestamp must specify a time within the past two weeks."
            )
        yield Sample(
            Metric(namespace, datum["MetricName"], dimensions(pairs), datum.get("Unit", _NO_UNIT)),
            int(at) if datum.get("StorageResolution") == 1 else minute_of(at),
            _values(datum, where),
        )


def _values(datum: Mapping[str, Any], where: str) -> Distribution:
    kinds = [kind for kind in ("Value", "Values", "StatisticValues") if kind in datum]
    if len(kinds) != 1:
        combination_refused(
            f"The parameters {where}.Value, {where}.Values and {where}.StatisticValues are "
            "mutually exclusive, and one of them is required."
        )
    found = Distribution()
    match kinds[0]:
        case "Value":
            found.add(_number(datum["Value"], f"{where}.Value"))
        case "Values":
            _add_all(found, datum, where)
        case _:
            told = datum["StatisticValues"]
            count, total, low, high = (
                _number(told[name], f"{where}.StatisticValues.{name}")
                for name in ("SampleCount", "Sum", "Minimum", "Maximum")
            )
            found.add_statistics(count, total, low, high)
    return found


def _add_all(found: Distribution, datum: Mapping[str, Any], where: str) -> None:
    values = datum["Values"]
    counts = datum.get("Counts", [1.0] * len(values))
    if len(values) != len(counts):
        value_refused(f"The parameters {where}.Values and {where}.Counts must be of the same size.")
    if not 0 < len(values) <= _MOST_VALUES:
        value_refused(f"The collection {where}.Values must have a size from 1 to {_MOST_VALUES}.")
    for place, (value, count) in enumerate(zip(values, counts, strict=True), 1):
        found.add(_number(value, f"{where}.Values.member.{place}"), count)


def _number(value: float, where: str) -> float:
    """Returns a value that CloudWatch takes.

    Raises:
        ServiceError: the value is no number that CloudWatch takes.
    """
    if math.isnan(value) or abs(value) > _LARGEST:
        value_refused(f"The value {value} for parameter {where} is invalid.")
    return float(value)
