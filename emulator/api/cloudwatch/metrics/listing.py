"""Serves ListMetrics, and DescribeAlarms, which finds none.

Source of limits: the API reference of CloudWatch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.api.cloudwatch.metrics.query import value_refused
from emulator.core.function_names import Scope
from emulator.live.store.metrics.tables import list_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.services.calls import Call, Operation
    from emulator.live.store.metrics.archive import MetricArchive
    from emulator.live.store.metrics.tables import Listed

_PAGE = 500
_LISTED = 14 * 86_400
"""Seconds after which a metric without new values is not listed any more."""
_RECENT = 3 * 3600


class ListingOperations:
    """Lists what metrics there are."""

    def __init__(self, archive: MetricArchive) -> None:
        self._archive = archive

    def operations(self) -> dict[str, Operation]:
        return {"ListMetrics": self._list, "DescribeAlarms": self._alarms}

    async def _list(self, call: Call) -> Mapping[str, Any]:
        given, scope = call.arguments, Scope(call.account, call.region)
        since = int(self._archive.now()) - (_RECENT if "RecentlyActive" in given else _LISTED)
        found = await self._archive.read(lambda connection: list_metrics(connection, scope, since))
        matching = [metric for metric in found if _matches(metric, given)]
        start = _start(given.get("NextToken", "0"))
        page = matching[start : start + _PAGE]
        more = start + _PAGE < len(matching)
        return {
            "Metrics": [_described(metric) for metric in page],
            "NextToken": str(start + _PAGE) if more else None,
        }

    async def _alarms(self, _: Call) -> Mapping[str, Any]:
        return {"MetricAlarms": [], "CompositeAlarms": []}


def _matches(metric: Listed, given: Mapping[str, Any]) -> bool:
    if given.get("Namespace", metric.namespace) != metric.namespace:
        return False
    if given.get("MetricName", metric.name) != metric.name:
        return False
    own = dict(metric.dimensions)
    return all(
        one["Name"] in own and one.get("Value", own[one["Name"]]) == own[one["Name"]]
        for one in given.get("Dimensions", ())
    )


def _start(token: str) -> int:
    if not (token.isascii() and token.isdecimal() and len(token) < 10):  # noqa: PLR2004
        value_refused("The parameter NextToken is invalid.")
    return int(token)


def _described(metric: Listed) -> dict[str, Any]:
    return {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
    }
