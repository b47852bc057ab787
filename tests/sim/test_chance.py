from __future__ import annotations

from random import Random
from statistics import fmean, pvariance

from emulator.sim.chance import AnswerChance


def drawn(question: str, count: int) -> list[float]:
    chance = AnswerChance()
    chance.ask(question)
    return [chance.random() for _ in range(count)]


def test_numbers_depend_on_the_question_and_on_nothing_before() -> None:
    chance = AnswerChance()
    chance.ask("other")
    chance.random()
    chance.ask("a")
    assert [chance.random() for _ in range(20)] == drawn("a", 20)
    assert drawn("a", 20) != drawn("b", 20)


def test_numbers_of_one_question_and_first_numbers_of_many_are_uniform() -> None:
    first = [drawn(f"7:answer:i{number}", 1)[0] for number in range(20_000)]
    for numbers in (drawn("a", 20_000), first):
        assert all(0 <= number < 1 for number in numbers)
        assert abs(fmean(numbers) - 1 / 2) < 0.01
        assert abs(pvariance(numbers) - 1 / 12) < 0.002


def test_long_draw_never_repeats_itself() -> None:
    assert len(set(drawn("a", 1000))) == 1000


def test_whole_numbers_have_as_many_bits_as_asked_for_and_no_more() -> None:
    chance = AnswerChance()
    chance.ask("a")
    for bits in (1, 7, 64, 65, 200):
        numbers = [chance.getrandbits(bits) for _ in range(300)]
        assert max(numbers).bit_length() == bits
    assert {chance.chosen("xyz") for _ in range(100)} == set("xyz")


class Theirs(Random):
    """Draws with Python's own methods from the same numbers."""

    def __init__(self, question: str) -> None:
        super().__init__()
        self._numbers = AnswerChance()
        self._numbers.ask(question)

    def random(self) -> float:
        return self._numbers.random()

    def getrandbits(self, k: int, /) -> int:
        return self._numbers.getrandbits(k)


def test_draws_are_those_of_pythons_own_generator() -> None:
    """Seeds of before there was a `normal` of our own give the same records."""
    ours, theirs = AnswerChance(), Theirs("a")
    ours.ask("a")
    for _ in range(1000):
        assert ours.normal(2.0, 0.5) == theirs.normalvariate(2.0, 0.5)
        assert ours.chosen(range(7)) == theirs.choice(range(7))
