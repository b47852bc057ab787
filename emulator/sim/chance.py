"""Draws random numbers from a question's words, the same in whatever order questions are asked.

A question is hashed once, and its digest is the first eight numbers: seeding Python's generator
instead takes ten times as long, as it fills 2.5 KB of state for the two or three numbers that an
answer takes. Knows nothing of what is asked.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = TypeVar("Value")
_WORDS = Struct("<8Q")
_BITS: Final = 64
_UNIT: Final = 2.0**-53
_NORMAL: Final = 4.0 * math.exp(-0.5) / math.sqrt(2.0)


class AnswerChance:
    """Draws from the hash of a question."""

    def __init__(self) -> None:
        self._question = ""
        self._round = 0
        """Number of digests of the question that were taken."""
        self._words: tuple[int, ...] = ()
        self._left = 0

    def ask(self, question: str) -> None:
        """Begins the numbers of a question, which is hashed when the first of them is drawn."""
        self._question = question
        self._round = self._left = 0

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

    def normal(self, mean: float, deviation: float) -> float:
        """Returns a number of a normal distribution, as Python's generator draws it.

        Source: Kinderman and Monahan, ACM Transactions on Mathematical Software 3 (1977).
        """
        while True:
            first = self.random()
            second = 1.0 - self.random()
            z = _NORMAL * (first - 0.5) / second
            if z * z / 4.0 <= -math.log(second):
                return mean + z * deviation

    def chosen(self, values: Sequence[Value]) -> Value:
        """Returns one of some values, each as likely as the next."""
        count = len(values)
        bits = count.bit_length()
        while (place := self.getrandbits(bits)) >= count:
            pass
        return values[place]

    def _word(self) -> int:
        if self._left == 0:
            self._words = _WORDS.unpack(self._digest())
            self._left = len(self._words)
        self._left -= 1
        return self._words[self._left]

    def _digest(self) -> bytes:
        self._round += 1
        question = self._question.encode()
        if self._round == 1:
            return blake2b(question).digest()
        return blake2b(question, salt=(self._round - 1).to_bytes(16, "little")).digest()
