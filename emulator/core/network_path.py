"""Defines what lies between a client and a function, and draws the time that a request loses there.

A request goes from its client to the edge of the provider's network, through API Gateway where the
client came in by HTTP, and through Lambda's front end; its answer goes the same way back. The
constants of each path stand in a module of `network_paths`, each with its source and a letter of
trust. This module knows no path by name, and none of the drivers that let requests wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.core.placement import Placement
    from emulator.core.policy import Chance


class Trust(Enum):
    """Says how far a constant is to be trusted."""

    HIGH = "H"
    """The text of a vendor or a standard, or measured data."""
    MEDIUM = "M"
    """A secondary source, or one only."""
    LOW = "L"
    """Inferred, or from memory: a setting, and no fact."""


class WayIn(Enum):
    """Names the doors by which a request comes to a function."""

    HTTP_API = "API Gateway"
    INVOKE = "Lambda's API"
    """Also a function's own URL, which API Gateway has no part in."""


class Connection(StrEnum):
    """Says what a request found of its client's connection."""

    NEW = "new"
    """The first request on the connection, whose set-up is a part of what the client waits for."""
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Draws lengths of time from a table of quantiles, linear between two of them.

    `points` are (share of the lengths that are at most so long, seconds), the shares rising from
    0 to 1; a table with one point draws the same length each time, whatever the share.
    """

    points: tuple[tuple[float, Seconds], ...]

    def __post_init__(self) -> None:
        shares = [share for share, _ in self.points]
        lengths = [seconds for _, seconds in self.points]
        if not lengths or min(lengths) < 0 or lengths != sorted(lengths):
            raise ValueError("a table of quantiles has lengths that rise from 0 or more")
        if len(shares) > 1 and (shares[0] != 0 or shares[-1] != 1 or not _rise(shares)):
            raise ValueError("a table of quantiles has shares that rise from 0 to 1")

    def at(self, share: float) -> Seconds:
        """Returns the length that a share of the lengths, from 0 to 1, does not exceed."""
        for (s0, t0), (s1, t1) in pairwise(self.points):
            if share < s1:
                return t0 + (t1 - t0) * (share - s0) / (s1 - s0)
        return self.points[-1][1]

    def draw(self, chance: Chance) -> Seconds:
        """Returns a length of time; takes one number of chance, also where there is no choice."""
        return self.at(chance.random())

    @property
    def most(self) -> Seconds:
        """Returns the greatest length."""
        return self.points[-1][1]


def _rise(shares: list[float]) -> bool:
    return all(before < after for before, after in pairwise(shares))


def always(seconds: Seconds) -> Quantiles:
    """Makes a table that draws the same length each time."""
    return Quantiles(((0.0, seconds),))


def evenly(least: Seconds, most: Seconds) -> Quantiles:
    """Makes a table that draws every length between two with the same probability."""
    return Quantiles(((0.0, least), (1.0, most)))


@dataclass(frozen=True, slots=True)
class Constant:
    """Holds one of a path's times with the reason to believe in that time."""

    time: Quantiles
    trust: Trust
    source: str
    """Where the figure comes from, or why there is none better; in words, for a user."""


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """Holds how many round trips a client makes before a connection's first request is sent."""

    count: int
    trust: Trust
    source: str


@dataclass(frozen=True, slots=True)
class Limit:
    """Holds a time after which something ends, with the reason to believe in that time."""

    seconds: Seconds
    trust: Trust
    source: str


@dataclass(frozen=True, slots=True)
class Passage:
    """Splits the time that one request loses on its way, in seconds."""

    set_up: Seconds = 0.0
    """Time for TCP and TLS; 0 on a connection that is kept."""
    round_trip: Seconds = 0.0
    api_gateway: Seconds = 0.0
    front_end: Seconds = 0.0

    @property
    def network(self) -> Seconds:
        """Returns the time between the client and the edge, there and back."""
        return self.set_up + self.round_trip

    @property
    def gateway(self) -> Seconds:
        """Returns the time within the provider's services in front of the scheduler."""
        return self.api_gateway + self.front_end

    @property
    def before(self) -> Seconds:
        """Returns the time from the client's first packet to the scheduler's notice.

        Half of the way and of the services' time: nothing tells the shares of request and answer.
        """
        return self.set_up + (self.round_trip + self.gateway) / 2

    @property
    def after(self) -> Seconds:
        """Returns the time from the function's answer to the client's receipt."""
        return (self.round_trip + self.gateway) / 2

    def within_region(self) -> Passage:
        """Returns the passage of a request that comes from the region itself."""
        return Passage(api_gateway=self.api_gateway, front_end=self.front_end)


NO_PASSAGE = Passage()
"""The passage of a request that nothing lies before."""


@dataclass(frozen=True, slots=True)
class NetworkPath:
    """Holds the constants of the path from one place to one region, at one date."""

    name: str
    """Name by which a user chooses the path: date or profile, a slash, the place."""
    description: str
    """The path in a phrase that a user understands."""
    round_trip: Constant
    """Time of one round trip between the client and the edge of the provider's network."""
    tcp: RoundTrips
    tls: RoundTrips
    api_gateway: Constant
    """Time within API Gateway alone, there and back."""
    front_end: Constant
    """Time within Lambda's front end, there and back; behind API Gateway too."""
    idle_connection: Limit | None = None
    """Idle time after which the edge closes a connection; None: as long as the client keeps it."""
    placement: Placement | None = None
    """Wait of a function's first sandbox for its code; None: no wait is known."""

    @property
    def set_up_trips(self) -> int:
        """Returns how many round trips come before the first request of a connection."""
        return self.tcp.count + self.tls.count

    def connection(self, idle: Seconds | None) -> Connection:
        """Returns what a request finds of a connection that was idle so long; None: never used."""
        limit = self.idle_connection
        closed = idle is None or (limit is not None and idle >= limit.seconds)
        return Connection.NEW if closed else Connection.KEPT

    def draw(self, way: WayIn, connection: Connection, chance: Chance) -> Passage:
        """Draws the passage of one request.

        Takes four numbers of chance whatever the way and the connection, so that requests of
        different kinds do not shift each other's luck. All round trips of a set-up are as long
        as each other: what makes one long lasts longer than a handshake.
        """
        set_up = self.round_trip.time.draw(chance) * self.set_up_trips
        round_trip = self.round_trip.time.draw(chance)
        api_gateway = self.api_gateway.time.draw(chance)
        front_end = self.front_end.time.draw(chance)
        return Passage(
            set_up if connection is Connection.NEW else 0.0,
            round_trip,
            api_gateway if way is WayIn.HTTP_API else 0.0,
            front_end,
        )
