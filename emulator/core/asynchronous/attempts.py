"""Decides when an asynchronous event is attempted again, and when it is given up.

Times are the driver's, in seconds; their zero does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, assert_never

from emulator.core.model import Failure

if TYPE_CHECKING:
    from emulator.core.asynchronous.rules import AsynchronousRules, EventSettings
    from emulator.core.model import Seconds

_LEAST_WAIT = 0.05
"""Seconds before a retry, however fast the clock: the sandbox that failed has to tell its end."""


class Result(Enum):
    """Names what an attempt can come to."""

    SUCCEEDED = "succeeded"
    FUNCTION_ERROR = "function error"
    """The handler raised, timed out, or its runtime ended."""
    REFUSED = "refused"
    """The attempt was throttled, or Lambda itself failed; the function did not run."""
    LOOPED = "looped"
    """The event went round in a loop too often."""


class Condition(StrEnum):
    """Says how an event ended, in the words of a destination's record.

    Source: the developer guide's example records (Success, RetriesExhausted, EventAgeExceeded: H);
    ZeroReservedConcurrency is M, RecursiveInvocation our own word (AWS shows none).
    """

    SUCCESS = "Success"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"
    ZERO_RESERVED_CONCURRENCY = "ZeroReservedConcurrency"
    LOOP = "RecursiveInvocation"


@dataclass(frozen=True, slots=True)
class Progress:
    """Holds what has become of an event so far."""

    accepted_at: Seconds
    attempts: int = 0
    """Attempts that ran the function."""
    refusals: int = 0
    """Throttles and system errors since the function ran last."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Decides that the event is tried now."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Decides that the event goes back to the queue until `at`."""

    at: Seconds
    progress: Progress


@dataclass(frozen=True, slots=True)
class End:
    """Decides that nothing more is tried."""

    condition: Condition
    progress: Progress


def before(
    progress: Progress, rules: AsynchronousRules, asked: EventSettings, now: Seconds
) -> Attempt | End:
    """Decides whether an event that is due is tried."""
    if asked.barred:
        return End(Condition.ZERO_RESERVED_CONCURRENCY, progress)
    if now >= _expires(progress, rules, asked):
        return End(Condition.EVENT_AGE_EXCEEDED, progress)
    return Attempt()


def after(
    result: Result,
    progress: Progress,
    rules: AsynchronousRules,
    asked: EventSettings,
    now: Seconds,
) -> Retry | End:
    """Decides what follows an attempt that ended `now`."""
    match result:
        case Result.SUCCEEDED:
            return End(Condition.SUCCESS, _ran(progress))
        case Result.FUNCTION_ERROR:
            return _after_error(_ran(progress), rules, asked, now)
        case Result.REFUSED:
            refused = Progress(progress.accepted_at, progress.attempts, progress.refusals + 1)
            wait = _backoff(refused.refusals, rules)
            return _retry(refused, now + wait, rules, asked)
        case Result.LOOPED:
            return End(Condition.LOOP, progress)
        case _:
            assert_never(result)


def result_of(failure: Failure | None, *, throttled: bool, erred: bool) -> Result:
    """Returns what an invocation's outcome is for its event."""
    if throttled or failure is Failure.START_FAILED:
        return Result.REFUSED
    return Result.FUNCTION_ERROR if erred or failure is not None else Result.SUCCEEDED


def due_at(retry: Retry, accepted_at: Seconds, now: Seconds, speedup: float) -> Seconds:
    """Returns when a retry is due, where an event ages `speedup` seconds in one of the driver's.

    `retry` counts from the event's acceptance; the times here are the driver's.
    """
    return max(accepted_at + retry.at / speedup, now + _LEAST_WAIT)


def _after_error(
    progress: Progress, rules: AsynchronousRules, asked: EventSettings, now: Seconds
) -> Retry | End:
    allowed = len(rules.retry_delays)
    if asked.retry_attempts is not None:
        allowed = min(allowed, asked.retry_attempts)
    if progress.attempts > allowed:
        return End(Condition.RETRIES_EXHAUSTED, progress)
    return _retry(progress, now + rules.retry_delays[progress.attempts - 1], rules, asked)


def _ran(progress: Progress) -> Progress:
    return Progress(progress.accepted_at, progress.attempts + 1)


def _retry(
    progress: Progress, at: Seconds, rules: AsynchronousRules, asked: EventSettings
) -> Retry:
    """Waits no longer than the event is kept: at its end it is discarded."""
    return Retry(min(at, _expires(progress, rules, asked)), progress)


def _expires(progress: Progress, rules: AsynchronousRules, asked: EventSettings) -> Seconds:
    age = rules.longest_age if asked.longest_age is None else asked.longest_age
    return progress.accepted_at + age


def _backoff(refusals: int, rules: AsynchronousRules) -> Seconds:
    # the exponent is bounded, as a float's is
    return min(rules.most_backoff, rules.least_backoff * 2.0 ** min(refusals - 1, 64))
