"""Lines out of bytes that end anywhere: all of them, in bounded memory, in linear time."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.telemetry.line_splitter import LONGEST_LINE, LineSplitter


def fed(splitter: LineSplitter, *pieces: bytes) -> list[bytes]:
    return [line for piece in pieces for line in splitter.feed(piece)]


def test_lines_end_where_they_end_and_not_where_pieces_do() -> None:
    splitter = LineSplitter()
    assert fed(splitter, b"on", b"e\ntwo\n", b"\n", b"thr") == [b"one", b"two", b""]
    assert not splitter.is_empty
    assert splitter.end() == b"thr"
    assert splitter.is_empty
    assert splitter.end() == b""


@pytest.mark.parametrize(
    "pieces", [[b"abcdefg\nh"], [b"abc", b"defg\nh"], [b"abcdef", b"g", b"\nh"]]
)
def test_line_that_is_too_long_is_cut(pieces: list[bytes]) -> None:
    splitter = LineSplitter(longest=3)
    assert fed(splitter, *pieces) == [b"abc", b"def", b"g"]
    assert splitter.end() == b"h"


def test_line_as_long_as_allowed_is_not_cut() -> None:
    assert LineSplitter(longest=3).feed(b"abc\n") == [b"abc"]
    splitter = LineSplitter(longest=3)
    assert fed(splitter, b"abc", b"\n") == [b"abc"]


@given(st.lists(st.text(alphabet="ab\n").map(str.encode)), st.integers(1, 5))
def test_nothing_is_lost_however_it_is_fed(pieces: list[bytes], longest: int) -> None:
    splitter = LineSplitter(longest)
    lines = fed(splitter, *pieces)
    assert all(len(line) <= longest for line in lines)
    whole = LineSplitter(longest)
    assert [*lines, splitter.end()] == [*whole.feed(b"".join(pieces)), whole.end()]
    unbounded = LineSplitter(1 << 20)
    assert [*unbounded.feed(b"".join(pieces)), unbounded.end()] == b"".join(pieces).split(b"\n")


def test_output_without_an_end_of_line_is_kept_in_bounds() -> None:
    splitter, piece = LineSplitter(), bytes(65_536)
    tracemalloc.start()
    try:
        for _ in range(1024):  # 64 MiB
            splitter.feed(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * LONGEST_LINE


def test_output_in_small_pieces_takes_time_linear_in_its_bytes() -> None:
    def taken(pieces: int) -> float:
        splitter, began = LineSplitter(1 << 30), time.process_time()
        for _ in range(pieces):
            splitter.feed(b"x" * 64)
        return time.process_time() - began

    taken(1000)
    assert taken(160_000) < 16 * 4 * max(taken(10_000), 0.001)
