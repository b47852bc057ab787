from __future__ import annotations

import pytest

from emulator.live.backends.docker.streams import Demultiplexer, JsonLines


def _frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


@pytest.mark.parametrize("size", [1, 3, 8, 9, 1000])
def test_output_is_lossless_however_its_frames_are_cut(size: int) -> None:
    sent = _frame(1, b"out\n") + _frame(2, b"") + _frame(2, b"err") + _frame(1, bytes(300))
    frames = Demultiplexer()
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    got = b"".join(frames.lines(*part) for piece in pieces for part in frames.feed(piece))
    assert got + frames.rest() == b"out\nerr" + bytes(300)
    assert frames.rest() == b""


def test_a_line_of_one_stream_does_not_end_within_another() -> None:
    frames = Demultiplexer()
    sent = _frame(1, b"one\ntw") + _frame(2, b"error\n") + _frame(1, b"o\n")
    assert b"".join(frames.lines(*part) for part in frames.feed(sent)) == b"one\nerror\ntwo\n"


def test_a_line_without_end_is_not_held_back_for_ever() -> None:
    frames = Demultiplexer()
    assert any(frames.lines(1, bytes(4096)) for _ in range(40))


def test_json_lines_end_anywhere() -> None:
    lines = JsonLines()
    assert list(lines.feed(b'{"a":1}\r\n{"b"')) == [{"a": 1}]
    assert list(lines.feed(b":2}\n\n")) == [{"b": 2}]
