"""Holds path `local`: clients and functions on one machine, with nothing in between."""

from emulator.core.network_path import Constant, NetworkPath, RoundTrips, Trust, always

_NOTHING = Constant(
    always(0.0), Trust.HIGH, "What lies between on one machine is there, and is measured."
)

LOCAL = NetworkPath(
    name="local",
    description="clients and functions on this machine",
    round_trip=_NOTHING,
    tcp=RoundTrips(0, Trust.HIGH, _NOTHING.source),
    tls=RoundTrips(0, Trust.HIGH, _NOTHING.source),
    api_gateway=_NOTHING,
    front_end=_NOTHING,
)
