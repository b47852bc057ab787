"""Draws random numbers from a question's words, the same in whatever order questions are asked.

A question is hashed once, and its digest is the first eight numbers: seeding Python's generator
instead takes ten times as long, as it fills 2.5 KB of state for the two or three numbers that an
answer takes. Knows nothing of what is asked.
"""

from __future__ import annotations

import random
from hashlib import blake2b
from struct import Struct

_WORDS = Struct("<8Q")
_BITS = 64
_UNIT = 2.0**-53


class AnswerChance(random.Random):
    """Draws as Python's own generator does, with all its distributions, from a hash."""

    def __init__(self) -> None:
        super().__init__()
        self._question = b""
        self._round = 0
        self._words: list[int] = []

    def ask(self, question: str) -> None:
        """Begins the numbers of a question."""
        self._question = question.encode()
        self._round = 0
        self._words = list(_WORDS.unpack(blake2b(self._question).digest()))

    def random(self) -> float:
        """Returns a number in [0, 1), of 53 bits."""
        return (self._word() >> 11) * _UNIT

    def getrandbits(self, k: int, /) -> int:
        """Returns a whole number of `k` bits."""
        number, have = 0, 0
        while have < k:
            number |= self._word() << have
            have += _BITS
        return number >> (have - k)

    def _word(self) -> int:
        if not self._words:
            self._round += 1
            more = blake2b(self._question, salt=self._round.to_bytes(16, "little"))
            self._words = list(_WORDS.unpack(more.digest()))
        return self._words.pop()
