from __future__ import annotations

from itertools import pairwise

import pytest

from emulator.core.profile import StreamPace
from emulator.core.profiles.aws_2026 import AWS_2026
from emulator.core.stream_pace import Pacer

MB = 1024 * 1024


def sent(pacer: Pacer, pieces: list[bytes], now: float = 0.0) -> list[tuple[float, int]]:
    """Times at which bytes are sent by one who sends as fast as he may."""
    found = []
    for piece in pieces:
        for part in pacer.slices(piece):
            now += pacer.wait(len(part), now)
            found.append((now, len(part)))
    return found


def aws() -> Pacer:
    assert AWS_2026.stream_pace is not None
    return Pacer(AWS_2026.stream_pace)


@pytest.mark.parametrize("size", [1, 1000, MB, 6 * MB])
def test_first_six_megabytes_do_not_wait(size: int) -> None:
    assert sent(aws(), [bytes(size)] * (6 * MB // size))[-1][0] == 0.0


@pytest.mark.parametrize("piece", [1000, MB, 20 * MB])
def test_rest_comes_at_two_megabytes_a_second(piece: int) -> None:
    times = sent(aws(), [bytes(piece)] * (20 * MB // piece))
    total = sum(size for _, size in times)
    assert times[-1][0] == pytest.approx((total - 6 * MB) / (2 * MB))


def test_large_piece_comes_in_parts_of_a_fraction_of_a_second_in_their_order() -> None:
    pacer, piece = Pacer(StreamPace(10, 64.0)), bytes(range(256))
    assert b"".join(pacer.slices(piece)) == piece
    gaps = [after - before for (before, _), (after, _) in pairwise(sent(pacer, [piece]))]
    assert max(gaps) == pytest.approx(1 / 32)


def test_time_without_anything_to_send_is_not_saved_up() -> None:
    pacer = Pacer(StreamPace(0, 10.0))
    assert pacer.wait(10, 0.0) == 1.0
    assert pacer.wait(10, 100.0) == 1.0


def test_empty_piece_is_one_part_that_does_not_wait() -> None:
    pacer = Pacer(StreamPace(0, 10.0))
    assert [*pacer.slices(b"")] == [b""]
    assert pacer.wait(0, 5.0) == 0.0
