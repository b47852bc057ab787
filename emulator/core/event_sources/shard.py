"""Decides in which batches a shard's records come to a function, and what follows a failure.

A shard's records are dealt to lanes by their partition key; a lane runs one batch at a time and
keeps its order. What is done so far is a position: all records up to there are done or discarded,
so that a poller that starts again there loses none.

Sources: the developer guide, "Process Kinesis Data Streams records" and "Retaining discarded
batches" (order, bisecting, retries, ages: H). The waits between retries are not published (L).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

from emulator.core.event_sources.gathering import Gathering
from emulator.core.event_sources.windows import QUIET, Window, is_too_large, window_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from emulator.core.event_sources.mapping import SourceMapping
    from emulator.core.model import Seconds

_LEAST_WAIT, _MOST_WAIT = 1.0, 60.0
"""Seconds before a failed batch is tried again: doubled with each failure."""
_MOST_EXPONENT = 16


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """Holds a record of a shard; times are seconds since the epoch."""

    sequence: str
    key: str
    """Decides the record's lane."""
    arrived_at: Seconds
    size: int
    body: Any
    """The record as the function gets it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Holds records that one invocation gets, in order."""

    lane: int
    records: tuple[StreamRecord, ...]
    attempts: int = 0
    """Attempts that failed and count against the retries."""
    refusals: int = 0
    """Failures since the last success, for the waits."""
    window: Window | None = None
    """Tumbling window of the records, if the mapping has windows."""
    ends_window: bool = False
    """Whether there are no records: the function is told that the window is over."""
    is_early: bool = False
    """Whether the window ends because its state is too large; the next batch may go on with it."""


class Why(StrEnum):
    """Says why records are discarded, in the words of the on-failure record."""

    RETRIES = "RetryAttemptsExhausted"
    AGE = "RecordAgeExceeded"


@dataclass(frozen=True, slots=True)
class Discarded:
    """Holds records that come to the function no more."""

    batch: Batch
    why: Why


class Ending(Enum):
    """Names what an attempt of a batch can come to."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The function returned an error, or named records that failed."""
    REFUSED = "refused"
    """The attempt was throttled, or Lambda failed; it uses up no retry."""


@dataclass(slots=True)
class _Lane:
    """Holds one lane: what is gathered, what must go first, and whether a batch runs."""

    gathering: Gathering[StreamRecord]
    ready: deque[Batch] = field(default_factory=deque)
    not_before: Seconds = 0.0
    is_running: bool = False


class Shard:
    """Deals one shard's records; every call says what time it is, in seconds since the epoch."""

    def __init__(self, mapping: SourceMapping) -> None:
        self._mapping = mapping
        # a state is handed from batch to batch, so that windows have one lane
        lanes = 1 if mapping.tumbling else mapping.lanes
        self._lanes = [_Lane(Gathering(mapping.batch_size, mapping.window)) for _ in range(lanes)]
        self._window: Window | None = None
        """Window that arriving records belong to; None where none is open."""
        self._unfinished = 0
        """Number of windows that have begun and whose last invocation is not done."""
        self._held: list[StreamRecord] = []
        """Records of the present window that are done: a restart begins with the window anew."""
        self.state: Any = {}
        """State that the next batch of the present window gets."""
        self._open: dict[str, bool] = {}
        """By sequence number, in order: whether a record is done, from the first that is not."""
        self.position = ""
        """Sequence number up to which every record is done; empty where none is."""

    @property
    def waiting(self) -> int:
        """Returns how many records there are from the first that is not done, and open windows."""
        return len(self._open) - len(self._held) + self._unfinished

    def arrived(
        self, records: Iterable[StreamRecord], now: Seconds, dropped: Collection[str] = ()
    ) -> None:
        """Takes records in the order of the shard; those of the `dropped` numbers are done."""
        for record in records:
            self._open[record.sequence] = record.sequence in dropped
            if record.sequence in dropped:
                continue
            number = _lane_of(record.key, len(self._lanes))
            lane = self._lanes[number]
            if self._mapping.tumbling:
                self._enter_window(lane, record)
            if batch := lane.gathering.add(record, record.size, now):
                lane.ready.append(Batch(number, tuple(batch), window=self._window))
        self._advance()

    def caught_up(self, now: Seconds) -> None:
        """Takes that every record which had arrived by `now` was read: a window may be over."""
        if self._window is not None and now >= self._window.end + QUIET:
            self._close_window(self._lanes[0])

    def closed(self) -> None:
        """Takes that the shard has no more records, which ends its window."""
        if self._window is not None:
            self._close_window(self._lanes[0])

    def _enter_window(self, lane: _Lane, record: StreamRecord) -> None:
        window = window_of(record.arrived_at, self._mapping.tumbling)
        if self._window is not None and window.start > self._window.start:
            self._close_window(lane)
        if self._window is None:
            self._window = window
            self._unfinished += 1

    def _close_window(self, lane: _Lane) -> None:
        if len(lane.gathering):
            lane.ready.append(Batch(0, tuple(lane.gathering.take()), window=self._window))
        lane.ready.append(Batch(0, (), window=self._window, ends_window=True))
        self._window = None

    def begin(self, now: Seconds) -> tuple[list[Batch], list[Discarded]]:
        """Returns the batches that are to be tried now, and records that are too old for that."""
        begun: list[Batch] = []
        too_old: list[Discarded] = []
        for number, lane in enumerate(self._lanes):
            if lane.is_running or lane.not_before > now:
                continue
            if not lane.ready and lane.gathering.is_due(now):
                taken = tuple(lane.gathering.take())
                lane.ready.append(Batch(number, taken, window=self._window))
            batch = self._young(lane, now, too_old)
            if batch is not None:
                lane.is_running = True
                begun.append(batch)
        self._advance()
        return begun, too_old

    def ended(
        self,
        batch: Batch,
        ending: Ending,
        now: Seconds,
        failed: Collection[str] = (),
        state: Any = None,
    ) -> list[Discarded]:
        """Takes the end of an attempt, and returns the records that are given up by that.

        `failed` are the records that the function named, and `state` what it answered, if any.
        """
        lane = self._lanes[batch.lane]
        lane.is_running = False
        discarded: list[Discarded] = []
        if state is not None and not batch.ends_window:
            self.state = state
        if ending is Ending.SUCCEEDED:
            self._succeeded(lane, batch)
            lane.not_before = 0.0
        elif ending is Ending.REFUSED:
            again = replace(batch, refusals=batch.refusals + 1)
            self._again(lane, [again], now)
        else:
            self._after_failure(lane, batch, now, failed, discarded)
        self._advance()
        return discarded

    def _succeeded(self, lane: _Lane, batch: Batch) -> None:
        self._done(batch.records)
        if batch.ends_window:
            self._end_window(early=batch.is_early)
        elif batch.window is not None and is_too_large(self.state):
            early = Batch(0, (), window=batch.window, ends_window=True, is_early=True)
            lane.ready.appendleft(early)

    def _end_window(self, *, early: bool) -> None:
        self.state = {}
        for record in self._held:
            self._open[record.sequence] = True
        self._held = []
        if not early:
            self._unfinished -= 1

    def next_deadline(self) -> Seconds | None:
        """Returns when `begin` may next find a batch by the time alone; None: never."""
        times = []
        for lane in self._lanes:
            if lane.is_running:
                continue
            if lane.ready:
                times.append(lane.not_before)
            elif (due := lane.gathering.due()) is not None:
                times.append(max(due, lane.not_before))
        return min(times, default=None)

    def _after_failure(
        self,
        lane: _Lane,
        batch: Batch,
        now: Seconds,
        failed: Collection[str],
        discarded: list[Discarded],
    ) -> None:
        if batch.ends_window:
            # "your function suspends further processing until a successful invocation"
            self._again(lane, [replace(batch, refusals=batch.refusals + 1)], now)
            return
        at = next((n for n, one in enumerate(batch.records) if one.sequence in failed), 0)
        self._done(batch.records[:at])  # the function got that far
        rest = replace(batch, records=batch.records[at:], refusals=batch.refusals + 1)
        if self._mapping.bisects and len(rest.records) > 1 and at == 0:
            middle = len(rest.records) // 2
            halves = rest.records[:middle], rest.records[middle:]
            # a split uses up no retry
            self._again(lane, [replace(rest, records=half) for half in halves], now)
            return
        most = self._mapping.most_retries
        tried = replace(rest, attempts=rest.attempts + 1)
        if most is not None and tried.attempts > most:
            self._done(rest.records)
            discarded.append(Discarded(tried, Why.RETRIES))
            lane.not_before = 0.0
        else:
            self._again(lane, [tried], now)

    def _again(self, lane: _Lane, batches: list[Batch], now: Seconds) -> None:
        exponent = min(batches[0].refusals - 1, _MOST_EXPONENT)
        lane.not_before = now + min(_MOST_WAIT, _LEAST_WAIT * 2.0**exponent)
        lane.ready.extendleft(reversed(batches))

    def _young(self, lane: _Lane, now: Seconds, too_old: list[Discarded]) -> Batch | None:
        """Returns the lane's next batch without records that are too old."""
        longest = self._mapping.longest_age
        while lane.ready:
            batch = lane.ready.popleft()
            old = () if longest is None else tuple(_older(batch, now - longest))
            if not old:
                return batch
            self._done(old)
            too_old.append(Discarded(replace(batch, records=old), Why.AGE))
            if young := tuple(one for one in batch.records if one not in old):
                return replace(batch, records=young)
        return None

    def _done(self, records: Iterable[StreamRecord]) -> None:
        if self._mapping.tumbling:
            self._held += records
            return
        for record in records:
            self._open[record.sequence] = True

    def _advance(self) -> None:
        while self._open and self._open[first := next(iter(self._open))]:
            self.position = first
            del self._open[first]


def _older(batch: Batch, than: Seconds) -> Iterable[StreamRecord]:
    return (record for record in batch.records if record.arrived_at < than)


def _lane_of(key: str, lanes: int) -> int:
    if lanes == 1:
        return 0
    value = 0
    for byte in key.encode():
        value = (value * 31 + byte) & 0xFFFFFFFF
    return value % lanes
