"""Decides how many of a function's asynchronous events are attempted at a time.

"If the queue contains many entries, Lambda increases the retry interval and reduces the rate at
which it reads events from the queue" (developer guide). By which rule is not published; the rule
here is ours (letter L): a throttle shows how many had room, and each round of successes tries one
more.
"""

from __future__ import annotations


class Pace:
    """Bounds the attempts at a time: as many as had room when the last was throttled, and more."""

    def __init__(self, most: int) -> None:
        """Takes the bound at first and for ever, `most`: the account's concurrency."""
        self._most = float(most)
        self._bound = float(most)
        self.running = 0

    def admits(self) -> bool:
        """Returns whether one more event may be attempted now."""
        return self.running < int(self._bound)

    def began(self) -> None:
        """Takes the begin of an attempt."""
        self.running += 1

    def ended(self, *, refused: bool) -> None:
        """Takes the end of an attempt, which was throttled or ran."""
        self.running -= 1
        if refused:
            self._bound = max(1.0, min(self._bound, float(self.running)))
        else:
            self._bound = min(self._most, self._bound + 1 / self._bound)
