"""Runs schedules of EventBridge and of its Scheduler in the companion's process; moto runs none.

Time is the emulator's: it runs `speedup` times as fast as the wall clock from the companion's
start on, so that `--idle-speedup 60` lets a rule of every hour be due each minute.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from moto.events.models import EventsBackend, events_backends
from moto.scheduler.models import EventBridgeSchedulerBackend, scheduler_backends
from moto.sqs.models import sqs_backends

from emulator.core.schedules import Rate, ScheduleError, read_schedule
from emulator.live.companion.functions import iso
from emulator.live.companion.gateway import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from moto.events.models import Rule
    from moto.scheduler.models import Schedule as ScheduleOfScheduler

    from emulator.core.schedules import Schedule
    from emulator.live.companion.gateway import Gateway

    Deliver = Callable[[Rule, dict[str, Any]], None]

log = logging.getLogger(__name__)

_CHANGES = (
    (EventsBackend, "put_rule"),
    (EventsBackend, "enable_rule"),
    (EventBridgeSchedulerBackend, "create_schedule"),
    (EventBridgeSchedulerBackend, "update_schedule"),
)
"""What may bring a schedule that is due before all others."""
_ARN_PARTS = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """Holds a schedule that is enabled, and what to do when it is due."""

    key: str
    expression: str
    fire: Callable[[float], None]
    """Takes the time at which the schedule was due, in seconds since the epoch."""
    timezone: str = "UTC"
    begins: float = float("-inf")
    ends: float = float("inf")


@dataclass(slots=True)
class _Known:
    """Holds when an entry is due next; `expression` tells whether it was changed since."""

    expression: str
    schedule: Schedule | None
    since: float
    due: float | None


class Timetable:
    """Knows which entries are due; time is the caller's."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def due(self, entries: list[Entry], now: float) -> tuple[list[tuple[Entry, float]], float]:
        """Returns the entries that are due and since when, and when the next one is (or inf)."""
        self._known = {entry.key: self._of(entry, now) for entry in entries}
        fired: list[tuple[Entry, float]] = []
        following = float("inf")
        for entry in entries:
            known = self._known[entry.key]
            if known.due is not None and known.due <= now:
                if entry.begins <= known.due <= entry.ends:
                    fired.append((entry, known.due))
                known.due = _next(entry, known, now)
            if known.due is not None:
                following = min(following, known.due)
        return fired, following

    def _of(self, entry: Entry, now: float) -> _Known:
        known = self._known.get(entry.key)
        if known is not None and known.expression == entry.expression:
            return known
        known = _Known(entry.expression, _read(entry), now, None)
        known.due = _next(entry, known, now)
        return known


def _read(entry: Entry) -> Schedule | None:
    try:
        return read_schedule(entry.expression)
    except ScheduleError as error:
        log.warning("%s is never due: %s", entry.key, error)
        return None


def _next(entry: Entry, known: _Known, now: float) -> float | None:
    """Returns when an entry is due after `now`; what was missed is left out."""
    schedule = known.schedule
    if schedule is None:
        return None
    if isinstance(schedule, Rate) or entry.timezone == "UTC":
        return schedule.next_after(now, known.since)
    local = schedule.next_after(now + _offset(entry.timezone, now), known.since)
    return None if local is None else local - _offset(entry.timezone, local)


def _offset(timezone: str, at: float) -> float:
    """Returns how many seconds a zone's clock is ahead of UTC's."""
    offset = datetime.fromtimestamp(at, ZoneInfo(timezone)).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


class ScheduledEvents:
    """Fires what is due, from a thread of its own."""

    def __init__(self, gateway: Gateway, deliver: Deliver, speedup: float) -> None:
        self._gateway = gateway
        self._deliver = deliver
        self._speedup = speedup
        self._began = time.time()
        self._changed = threading.Event()
        self._timetable = Timetable()

    def start(self) -> None:
        for backend, operation in _CHANGES:
            setattr(backend, operation, self._then_wake(getattr(backend, operation)))
        threading.Thread(target=self._run, name="schedules", daemon=True).start()

    def _then_wake(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any, **named: Any) -> Any:
            found = change(*arguments, **named)
            self._changed.set()
            return found

        return changed

    def _now(self) -> float:
        return self._began + (time.time() - self._began) * self._speedup

    def _run(self) -> None:
        while True:
            fired, following = self._timetable.due(
                [*self._rules(), *self._schedules()], self._now()
            )
            for entry, due in fired:
                try:
                    entry.fire(due)
                except Exception:
                    log.exception("%s failed", entry.key)
            wait = (following - self._now()) / self._speedup
            # the longest that a lock may be waited for is finite
            self._changed.wait(min(max(0.0, wait), threading.TIMEOUT_MAX))
            self._changed.clear()

    def _rules(self) -> Iterator[Entry]:
        for account in list(events_backends.values()):
            for backend in list(account.values()):
                for bus in list(backend.event_buses.values()):
                    for rule in list(bus.rules.values()):
                        if rule.scheduled_expression and rule.state == "ENABLED":
                            yield Entry(rule.arn, rule.scheduled_expression, self._of_rule(rule))

    def _of_rule(self, rule: Rule) -> Callable[[float], None]:
        def fire(due: float) -> None:
            event = _event("aws.events", rule.account_id, rule.region_name, rule.arn, due)
            self._deliver(rule, event | {"detail": {}, "ingestion-time": due})

        return fire

    def _schedules(self) -> Iterator[Entry]:
        for account in list(scheduler_backends.values()):
            for region, backend in list(account.items()):
                for group in list(backend.schedule_groups.values()):
                    for one in list(group.schedules.values()):
                        if one.state == "ENABLED":
                            yield self._of_schedule(one, group.schedules, region)

    def _of_schedule(
        self, schedule: ScheduleOfScheduler, group: dict[str, Any], region: str
    ) -> Entry:
        def fire(due: float) -> None:
            self._fire_schedule(schedule, region, due)
            if schedule.action_after_completion == "DELETE" and expression.startswith("at("):
                group.pop(schedule.name, None)

        expression = schedule.schedule_expression
        return Entry(
            schedule.arn,
            expression,
            fire,
            schedule.schedule_expression_timezone,
            float(schedule.start_date or "-inf"),
            float(schedule.end_date or "inf"),
        )

    def _fire_schedule(self, schedule: ScheduleOfScheduler, region: str, due: float) -> None:
        target = schedule.target
        parts = target["Arn"].split(":", _ARN_PARTS - 1)
        account = schedule.arn.split(":")[4]
        event = _event("aws.scheduler", account, region, schedule.arn, due)
        text = target.get("Input") or json.dumps(event | {"detail": "{}", "time": iso(due)})
        if parts[2] == "lambda":
            source = Sender("scheduler", schedule.arn, target.get("RoleArn", ""))
            self._gateway.send(target["Arn"], text.encode(), source=source)
        elif parts[2] == "sqs":
            group = target.get("SqsParameters", {}).get("MessageGroupId")
            queues = sqs_backends[parts[4]][parts[3]]
            queues.send_message(parts[5], text, group_id=group)
        else:
            log.warning("%s has a target that is not emulated: %s", schedule.arn, target["Arn"])


def _event(source: str, account: str, region: str, arn: str, due: float) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": source,
        "account": account,
        "time": due,
        "region": region,
        "resources": [arn],
    }
