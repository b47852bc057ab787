"""Whether something was written, told of pipes of this process."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.live.backends.docker.output_watch import OutputWatch, WrittenOutput

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def watch() -> Iterator[OutputWatch]:
    opened = OutputWatch()
    opened.open()
    yield opened
    opened.close()


@contextmanager
def streams(watch: OutputWatch) -> Iterator[tuple[WrittenOutput, int, int]]:
    """The watched output of a container, and where its two streams are written."""
    pipes = [os.pipe(), os.pipe()]
    written = WrittenOutput(watch, [f"/proc/self/fd/{write}" for _, write in pipes])
    assert written.forget()
    yield written, pipes[0][1], pipes[1][1]
    written.close()
    for end in (*pipes[0], *pipes[1]):
        os.close(end)


def test_write_to_either_stream_is_known_until_it_is_forgotten(watch: OutputWatch) -> None:
    with streams(watch) as (written, out, error):
        for stream in (out, error, out):
            assert not written.look()
            os.write(stream, b"x")
            assert written.look()
            assert written.look()
            assert written.forget()


def test_each_container_is_told_of_its_own_output(watch: OutputWatch) -> None:
    with streams(watch) as (one, _, error), streams(watch) as (other, _, _):
        os.write(error, b"x")
        assert not other.look()
        assert one.look()


def test_flood_of_one_container_is_one_event(watch: OutputWatch) -> None:
    with streams(watch) as (one, out, error), streams(watch) as (other, _, _):
        for _ in range(20_000):  # more than the kernel keeps events
            os.write(out, b"x")
            os.write(error, b"x")
        assert one.look()
        assert not other.look()


def test_output_of_a_container_that_is_gone_cannot_be_watched(watch: OutputWatch) -> None:
    written = WrittenOutput(watch, ["/proc/self/fd/100000", "/proc/self/fd/100001"])
    assert not written.forget()
    assert watch.of([]) is None
    assert watch.of([os.getpid()]) is None, "not the first process of a namespace of its own"
