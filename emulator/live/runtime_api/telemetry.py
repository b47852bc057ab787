"""Serves one sandbox Lambda's Telemetry API and its predecessor, the Logs API.

It takes the sandbox's events and brings them to the extensions that subscribed to them. Events come
from its owner (`emit`); only the events of a subscription and of dropped records are made here. It
knows neither the function's log nor the runtime. Source: the developer guide's "Accessing real-time
telemetry data for extensions using the Telemetry API"; that a new subscriber is told what came
before it, and that subscriptions outlive a reset of the sandbox, is in events that AWS sent in
February 2023.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from emulator.live.runtime_api.delivery import delivery
from emulator.live.runtime_api.http import Refusal, json_response
from emulator.live.runtime_api.subscriber import Subscriber
from emulator.live.runtime_api.subscription import APIS, TELEMETRY, Buffering, parse
from emulator.telemetry import platform_events
from emulator.telemetry.event_schemas import category, in_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.model import Seconds
    from emulator.live.runtime_api.extensions import Extensions
    from emulator.live.runtime_api.http import Headers, Reply
    from emulator.live.runtime_api.subscription import Api, Subscription
    from emulator.telemetry.platform_events import Event

MOST_SUBSCRIPTIONS = 4
"""Subscriptions of one extension. AWS's bound was not looked up; each may buffer megabytes here."""
_FELL_BEHIND = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
_HISTORY = Buffering().max_bytes


class TelemetryApi:
    """Keeps the subscriptions of one sandbox's extensions, and the events of its present init.

    `address` returns where the gateway reaches subscribers in the sandbox; `now` returns epoch
    seconds. `on_event` takes the events that are made here, which belong into the function's log.
    """

    def __init__(
        self,
        extensions: Extensions,
        address: Callable[[], str],
        now: Callable[[], Seconds],
        on_event: Callable[[Event], None],
    ) -> None:
        self._extensions = extensions
        self._address = address
        self._now = now
        self._on_event = on_event
        self._subscribers: list[Subscriber] = []
        self._history: list[Event] = []
        """The events of the present init, for extensions that subscribe within it."""
        self._history_size = 0
        self._missed = (0, 0)
        """How many records, and bytes, the history had no room for."""

    def answer(
        self, method: bytes, path: bytes, headers: Headers, body: bytes, reply: Reply
    ) -> bool:
        """Answers one whole request; returns False for one of another API."""
        asked = path.partition(b"?")[0].rstrip(b"/")
        api = next((one for one in APIS if one.path == asked), None)
        if api is None or method != b"PUT":
            return False
        reply(self._subscribe(api, headers, body))
        return True

    def emit(self, event: Event) -> None:
        """Hands one event to all who want it. Returns at once, and never fails for a subscriber.

        Must be called on the event loop.
        """
        if self._extensions.init_is_over:
            self._forget_history()
        else:
            self._remember(event)
        for subscriber in self._subscribers:
            _give(subscriber, event)

    @property
    def wanted(self) -> bool:
        """Returns whether an event has, or may still get, a subscriber."""
        return bool(self._subscribers) or not self._extensions.init_is_over

    def pause(self) -> None:
        """Sends nothing more before `resume`: the sandbox is about to be frozen."""
        for subscriber in self._subscribers:
            subscriber.pause()

    def resume(self) -> None:
        for subscriber in self._subscribers:
            subscriber.resume()

    async def flush(self, timeout: Seconds) -> None:  # noqa: ASYNC109  # a bound, not a deadline
        """Delivers buffered events before the sandbox freezes or ends, in `timeout` s at most.

        Events that are not delivered by then stay under way.
        """
        try:
            async with asyncio.timeout(timeout):
                await asyncio.gather(*(one.flush() for one in self._subscribers))
        except TimeoutError:
            pass  # a subscriber that does not answer must not hold up the sandbox

    async def close(self) -> None:
        """Drops the events that are not delivered yet."""
        subscribers, self._subscribers = self._subscribers, []
        self._forget_history()
        await asyncio.gather(*(one.close() for one in subscribers))

    def _subscribe(self, api: Api, headers: Headers, body: bytes) -> bytes:
        caller = self._extensions.caller(headers)
        if isinstance(caller, Refusal):
            return caller.response()
        if self._extensions.init_is_over:
            message = f"{api.name} API subscription is closed already"
            return Refusal(f"{api.name}.SubscriptionClosed", message).response()
        subscription = parse(api, body)
        if isinstance(subscription, Refusal):
            return subscription.response()
        others = [one.subscription for one in self._subscribers if one.name == caller.name]
        if subscription in others:
            self._tell_of_subscription(caller.name, "Already subscribed", subscription)
            return json_response(200, "AlreadySubscribed")
        if fault := _conflict(subscription, others):
            return Refusal(api.validation_error, fault, 400).response()
        self._add(caller.name, subscription)
        self._tell_of_subscription(caller.name, "Subscribed", subscription)
        return json_response(200, "OK")

    def _add(self, name: str, subscription: Subscription) -> None:
        sender = delivery(subscription.destination, self._address())
        subscriber = Subscriber(name, subscription, sender, self._tell_of_drops)
        for event in self._history:
            _give(subscriber, event)
        subscriber.drop(*self._missed)
        self._subscribers.append(subscriber)

    def _tell_of_subscription(self, name: str, state: str, subscription: Subscription) -> None:
        make = (
            platform_events.telemetry_subscription
            if subscription.api is TELEMETRY
            else platform_events.logs_subscription
        )
        event = make(self._now(), name, state, subscription.types)
        self._on_event(event)
        self.emit(event)

    def _tell_of_drops(self, subscriber: Subscriber, records: int, size: int) -> list[bytes]:
        event = platform_events.logs_dropped(self._now(), records, size, _FELL_BEHIND)
        self._on_event(event)
        return _encoded_for(subscriber, event)

    def _remember(self, event: Event) -> None:
        size = len(platform_events.line(event))
        if self._history_size + size > _HISTORY:
            records, missed = self._missed
            self._missed = (records + 1, missed + size)
        else:
            self._history.append(event)
            self._history_size += size

    def _forget_history(self) -> None:
        self._history = []
        self._history_size = 0
        self._missed = (0, 0)


def _conflict(subscription: Subscription, others: list[Subscription]) -> str:
    """Returns why an extension that has these other subscriptions cannot have one more."""
    if any(one.api is not subscription.api for one in others):
        return "the extension is subscribed to the other one of Telemetry API and Logs API"
    if len(others) >= MOST_SUBSCRIPTIONS:
        return f"the extension has {MOST_SUBSCRIPTIONS} subscriptions, which is the most"
    return ""


def _give(subscriber: Subscriber, event: Event) -> None:
    for encoded in _encoded_for(subscriber, event):
        subscriber.put(encoded)


def _encoded_for(subscriber: Subscriber, event: Event) -> list[bytes]:
    """Returns the event in the subscriber's schema as JSON; nothing if it is not subscribed to."""
    if category(event) not in subscriber.subscription.types:
        return []
    events = in_schema(event, subscriber.subscription.schema)
    return [platform_events.line(one).encode() for one in events]
