"""Lays out the constants of every network path, each with its letter of trust and its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.network_paths import NO_NETWORK, PATHS
from emulator.experiments.report.document import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.core.network_path import Constant, NetworkPath, Quantiles
    from emulator.core.placement import Placement


def constants_table() -> Table:
    """Returns a row for each constant of each path that adds anything."""
    rows = [
        (path.name, *row)
        for path in PATHS.values()
        if path.name != NO_NETWORK
        for row in _constants(path)
    ]
    return Table(("path", "constant", "value", "trust", "source"), tuple(rows), left=5)


def _constants(path: NetworkPath) -> Iterator[tuple[str, str, str, str]]:
    for name, constant in (
        ("round trip, client and edge", path.round_trip),
        ("API Gateway", path.api_gateway),
        ("Lambda's front end", path.front_end),
    ):
        if constant.time.most > 0:
            yield name, *_constant(constant)
    for name, trips in (("TCP", path.tcp), ("TLS", path.tls)):
        if trips.count:
            yield name, f"{trips.count} round trips", trips.trust.value, trips.source
    if (limit := path.idle_connection) is not None:
        yield "idle connection ends", f"{limit.seconds:g} s", limit.trust.value, limit.source
    if (placement := path.placement) is not None:
        value = _sizes(placement)
        yield "placement, code download", value, placement.trust.value, placement.source


def _constant(constant: Constant) -> tuple[str, str, str]:
    return _span(constant.time), constant.trust.value, constant.source


def _span(time: Quantiles) -> str:
    least, middle, most = (f"{time.at(share) * 1000:g}" for share in (0.0, 0.5, 1.0))
    if least == most:
        return f"{least} ms"
    return f"{least} to {most} ms, median {middle} ms"


def _sizes(placement: Placement) -> str:
    return ", ".join(f"{size:g} MB: {seconds:g} s" for size, seconds in placement.points[1:])
