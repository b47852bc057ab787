from __future__ import annotations

import random
import re

from emulator.core.function_names import Scope
from emulator.core.log_configuration import ApplicationLogLevel
from emulator.telemetry.line_splitter import EVENT_OVERHEAD, LONGEST_LINE
from emulator.telemetry.log_store import Logs, group_name


def test_names_are_those_of_cloudwatch() -> None:
    logs = Logs("one")
    name = logs.stream_name(1584039838.39, "$LATEST", 7)
    assert group_name("echo") == "/aws/lambda/echo"
    assert re.fullmatch(r"2020/03/12/\[\$LATEST\][0-9a-f]{32}", name)


def test_a_sandbox_keeps_its_stream_and_shares_it_with_no_other() -> None:
    one = Logs("one")
    name = one.stream_name(0, "1", 7)
    assert name == Logs("one").stream_name(0, "1", 7)
    assert name != one.stream_name(0, "1", 8)
    assert name != Logs("two").stream_name(0, "1", 7)


def test_pieces_become_lines() -> None:
    logs = Logs("one")
    logs.output("echo", "s", 1.0, b"first\nsec")
    assert logs.tail("echo") == ["first"]
    logs.output("echo", "s", 2.0, b"ond")
    logs.output("echo", "s", 3.0, b"\r\n\nfourth\n")
    assert [(event.at_epoch, event.message) for event in logs.events("echo")] == [
        (1.0, "first"),
        (1.0, "second"),
        (3.0, ""),
        (3.0, "fourth"),
    ]


def test_any_cut_gives_the_same_lines() -> None:
    whole = "a\nbb\n\ncaf\N{LATIN SMALL LETTER E WITH ACUTE}\n\N{SNOWMAN}\nend".encode()
    dice = random.Random(4)
    for _ in range(200):
        logs, at = Logs("one"), 0
        while at < len(whole):
            size = dice.randint(1, 5)
            logs.output("echo", "s", 0.0, whole[at : at + size])
            at += size
        logs.end("echo", "s")
        assert logs.tail("echo") == whole.decode().split("\n")


def test_streams_of_two_sandboxes_do_not_mix() -> None:
    logs = Logs("one")
    logs.output("echo", "s", 0.0, b"one ")
    logs.output("echo", "t", 0.0, b"other ")
    logs.output("echo", "s", 0.0, b"line\n")
    logs.output("echo", "t", 0.0, b"line\n")
    assert logs.tail("echo") == ["one line", "other line"]
    assert [event.stream for event in logs.events("echo")] == ["s", "t"]
    assert [event.message for event in logs.events("echo", stream="t")] == ["other line"]


def test_a_line_of_lambda_ends_what_the_sandbox_left_open() -> None:
    logs = Logs("one")
    logs.output("echo", "s", 1.0, b"no newline")
    logs.line("echo", "s", 2.0, "END RequestId: 1")
    logs.output("echo", "s", 3.0, b"later\n")
    assert logs.tail("echo") == ["no newline", "END RequestId: 1", "later"]


def test_ending_a_stream_twice_adds_nothing() -> None:
    logs = Logs("one")
    logs.output("echo", "s", 1.0, b"last words")
    logs.end("echo", "s")
    logs.end("echo", "s")
    assert logs.tail("echo") == ["last words"]


def test_tail_takes_the_last_lines_by_number_time_and_id() -> None:
    logs = Logs("one")
    for number in range(5):
        logs.line("echo", "s", float(number), f"line {number}")
    assert logs.tail("echo", 2) == ["line 3", "line 4"]
    assert logs.tail("echo", 0) == []
    assert logs.tail("echo", since=3.0) == ["line 3", "line 4"]
    assert logs.tail("echo", 1, since=3.0) == ["line 4"]
    seen = logs.events("echo")[-1].id
    logs.line("echo", "s", 4.0, "line 5")
    assert [event.message for event in logs.events("echo", after=seen)] == ["line 5"]
    assert logs.tail("other") == []


def test_the_oldest_lines_of_a_function_go_first_and_of_that_function_only() -> None:
    size = 10 + EVENT_OVERHEAD
    logs = Logs("one", limit=3 * size)
    logs.line("other", "s", 0.0, "x" * 10)
    for number in range(9):
        logs.line("echo", "s", 0.0, f"{number}" * 10)
    assert logs.tail("echo") == ["6" * 10, "7" * 10, "8" * 10]
    assert logs.tail("other") == ["x" * 10]


def test_a_line_that_is_larger_than_all_stands_alone() -> None:
    logs = Logs("one", limit=10)
    logs.line("echo", "s", 0.0, "short")
    logs.line("echo", "s", 0.0, "longer than the limit")
    assert logs.tail("echo") == ["longer than the limit"]


def test_a_line_without_end_is_cut_and_does_not_grow_for_ever() -> None:
    logs = Logs("one")
    for _ in range(5):
        logs.output("echo", "s", 0.0, b"x" * (LONGEST_LINE // 2))
    assert logs.tail("echo")
    logs.output("echo", "s", 0.0, b"y\n")
    assert "".join(logs.tail("echo")) == "x" * (LONGEST_LINE // 2) * 5 + "y"
    assert max(len(line) for line in logs.tail("echo")) == LONGEST_LINE


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    logs = Logs("one")
    logs.output("echo", "s", 0.0, b"\xff\xfe!\n")
    assert logs.tail("echo") == ["\ufffd\ufffd!"]


def test_a_dropped_function_has_no_log() -> None:
    logs = Logs("one")
    logs.line("echo", "s", 0.0, "gone")
    logs.drop("echo")
    logs.drop("never there")
    assert logs.tail("echo") == []


HERE = Scope()


class Kept:
    """Keeps what a sink is told."""

    def __init__(self) -> None:
        self.streams: list[tuple[Scope, str, str]] = []
        self.lines: list[tuple[str, str, str]] = []

    def opened(self, scope: Scope, group: str, stream: str) -> tuple[str, str]:
        self.streams.append((scope, group, stream))
        return group, stream

    def wrote(self, name: tuple[str, str], at_epoch: float, line: str) -> None:
        assert at_epoch
        self.lines.append((*name, line))


def test_a_sink_gets_each_line_under_the_group_of_its_stream() -> None:
    kept = Kept()
    logs = Logs("one", sink=kept)
    logs.opened("s", HERE, "own-group")
    logs.output("echo", "s", 1.0, b"first\nopen")
    logs.line("echo", "s", 2.0, "END")
    logs.output("echo", "t", 3.0, b"of a stream that was never opened\n")
    assert kept.streams == [(HERE, "own-group", "s")]
    assert kept.lines == [
        ("own-group", "s", "first"),
        ("own-group", "s", "open"),
        ("own-group", "s", "END"),
    ]


def test_a_closed_stream_ends_its_line() -> None:
    kept = Kept()
    logs = Logs("one", sink=kept)
    logs.opened("s", HERE, "own-group")
    logs.output("echo", "s", 1.0, b"last words")
    logs.closed("echo", "s")
    logs.output("echo", "s", 1.0, b"and what was on its way\n")
    assert kept.lines == [
        ("own-group", "s", "last words"),
        ("own-group", "s", "and what was on its way"),
    ]


def test_lines_under_the_lowest_level_are_left_out() -> None:
    logs = Logs("one")
    logs.opened("s", HERE, "g", ApplicationLogLevel.WARN)
    logs.output("echo", "s", 1.0, b'{"level": "INFO"}\n{"level": "ERROR"}\nplain\n')
    logs.line("echo", "s", 2.0, "END")
    assert logs.tail("echo") == ['{"level": "ERROR"}', "END"]
