"""Holds all that invokes functions without a client that waits: asynchronous events, event sources.

Owns the order in which the parts begin and end, and nothing of what they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.asynchronous.left_events import LeftEvents
from emulator.live.asynchronous.destinations import Destinations
from emulator.live.asynchronous.event_queue import EventQueue
from emulator.live.asynchronous.event_store import EVENTS, EventStore
from emulator.live.asynchronous.observations import observe_nothing
from emulator.live.aws.client import AwsClient
from emulator.live.event_sources.event_sources import EventSources
from emulator.live.event_sources.positions import POSITIONS, Positions

if TYPE_CHECKING:
    from emulator.core.profile import Profile
    from emulator.live.asynchronous.ended_events import EndedEvents
    from emulator.live.asynchronous.invoker import Invoker
    from emulator.live.asynchronous.observations import Observe
    from emulator.live.aws.client import Credentials
    from emulator.live.aws.endpoints import Endpoints
    from emulator.live.store.database import Database
    from emulator.live.store.resources import Resources

EVENT_SCHEMAS = (EVENTS, POSITIONS)
"""What the state's database must be opened with."""


class Eventing:
    """Begins with `open`, after the functions are deployed, and ends with `close`, before them."""

    def __init__(
        self,
        *,
        database: Database,
        resources: Resources,
        invoker: Invoker,
        endpoints: Endpoints,
        profile: Profile,
        credentials: Credentials | None = None,
        speedup: float = 1.0,
        dilation: float = 1.0,
        observe: Observe = observe_nothing,
        ended: EndedEvents | None = None,
        left: LeftEvents = LeftEvents.TAKE_UP,
    ) -> None:
        """Takes how many seconds an event ages in one of the machine's: `speedup`.

        `resources` keep event source mappings, and belong to the same database; `ended` writes each
        event's end down; `left` says what becomes of the events of an earlier run.
        """
        self._ended = ended
        self._left = left
        self.client = AwsClient(endpoints, credentials)
        self.queue = EventQueue(
            store=EventStore(database),
            invoker=invoker,
            rules=profile.asynchronous,
            most_at_once=profile.account_concurrency,
            speedup=speedup,
            observe=observe,
            record=(lambda _: None) if ended is None else ended.write,
        )
        self._destinations = Destinations(self.client, self.queue.accept, observe)
        self.sources = EventSources(
            resources=resources,
            positions=Positions(database),
            client=self.client,
            invoker=invoker,
            most_in_a_loop=profile.asynchronous.most_in_a_loop,
            dilation=dilation,
            observe=observe,
        )

    async def open(self) -> None:
        """Takes up what an earlier run has left."""
        await self.queue.open(self._destinations, self._left)
        await self.sources.open()

    async def close(self) -> None:
        """Ends every attempt and every call; events that have not ended stay for the next run."""
        await self.sources.close()
        await self.queue.close()
        if self._ended is not None:
            self._ended.close()
        await self.client.close()
