from __future__ import annotations

import json
import random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from emulator.core.journal import Entry, JournalError, decode, encode, replay
from emulator.core.messages.commands import Command, Dispatch, StartSandbox
from emulator.core.messages.events import (
    Event,
    InvocationFinished,
    InvokeRequested,
    SandboxReady,
    TimePassed,
    VersionDeployed,
)
from emulator.core.messages.measurements import JvmUse, MemoryUse
from emulator.core.model import FunctionVersion, StartKind, VersionKey
from emulator.core.policy import SchedulerSettings
from emulator.core.scheduler import Scheduler

EVENTS, COMMANDS = get_args(Event), get_args(Command)
NUMBERS = st.floats(allow_nan=False)
st.register_type_strategy(float, NUMBERS)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    NUMBERS,
    st.one_of([st.from_type(kind) for kind in EVENTS]),
    st.lists(st.one_of([st.from_type(kind) for kind in COMMANDS]), max_size=4),
)
def test_entry_comes_back_as_it_was_written(
    at: float, event: Event, commands: list[Command]
) -> None:
    entry = Entry(at, event, tuple(commands))
    line = encode(entry)
    assert "\n" not in line
    back = decode(line)
    assert back == entry
    assert [type(each) for each in back.commands] == [type(each) for each in commands]


@pytest.mark.parametrize("kind", [*EVENTS, *COMMANDS])
def test_every_message_comes_back_with_its_types(kind: Any) -> None:
    message = make(kind)
    event, commands = (message, ()) if kind in EVENTS else (TimePassed(), (message,))
    back = decode(encode(Entry(1.5, event, commands)))
    read: Any = back.event if kind in EVENTS else back.commands[0]
    assert read == message
    assert {name: type(getattr(read, name)) for name in kind.__slots__} == {
        name: type(getattr(message, name)) for name in kind.__slots__
    }


def make(kind: type) -> Any:
    @settings(max_examples=1, database=None, derandomize=True)
    @given(st.from_type(kind))
    def draw(message: Any) -> None:
        drawn.append(message)

    drawn: list[Any] = []
    draw()
    return drawn[0]


def test_line_is_plain_json_with_tagged_messages() -> None:
    entry = Entry(1.5, SandboxReady(1), (Dispatch(1, "a", StartKind.COLD),))
    anatomy = {"create": 0.0, "start": 0.0, "connect": 0.0, "init": 0.0, "other": 0.0}
    assert json.loads(encode(entry)) == {
        "at": 1.5,
        "event": {"type": "SandboxReady", "sandbox": 1, "anatomy": anatomy},
        "commands": [{"type": "Dispatch", "sandbox": 1, "invocation": "a", "start": "cold"}],
    }


WHOLE = encode(
    Entry(
        1.0,
        InvokeRequested("a", VersionKey.of("echo")),
        (StartSandbox(1, VersionKey.of("echo"), "a"),),
    )
)


def test_tenant_stands_where_there_is_one() -> None:
    asked = InvokeRequested("a", VersionKey.of("shop"), tenant='blue "1"')
    line = encode(Entry(1.0, asked, ()))
    assert decode(line).event == asked
    assert '"tenant"' not in encode(Entry(1.0, replace(asked, tenant=""), ()))


def test_function_of_an_earlier_version_is_isolated_by_no_tenant() -> None:
    deployed = VersionDeployed(FunctionVersion("echo", 128, 3.0))
    line = encode(Entry(1.0, deployed, ()))
    assert ',"per_tenant":false' in line
    assert decode(line.replace(',"per_tenant":false', "")).event == deployed


def test_request_through_an_alias_says_which() -> None:
    asked = InvokeRequested("b", VersionKey.of("echo", "2"), alias="live")
    line = encode(Entry(1.0, asked, ()))
    assert decode(line).event == asked
    assert ',"alias":"live"}' in line
    assert "alias" not in WHOLE


def test_entry_of_an_earlier_version_has_no_memory() -> None:
    used = InvocationFinished(1, "r", "", 36, 0.5, 7, MemoryUse(30, 5, 4, None))
    line = encode(Entry(1.0, used, ()))
    memory = ',"memory":{"anonymous_mb":30,"cache_mb":5,"major_faults":4,"refaults":null}'
    assert memory in line
    assert decode(line).event == used
    assert decode(line.replace(memory, "")).event == replace(used, memory=None)


def test_what_a_jvm_told_comes_back() -> None:
    memory = MemoryUse(30, 5, 4, None, JvmUse(9, 20, 3, 0.0015))
    used = InvocationFinished(1, "r", "", 36, 0.5, 7, memory)
    line = encode(Entry(1.0, used, ()))
    assert '"jvm":{"heap_mb":9,"metaspace_mb":20,"gc_count":3,"gc_seconds":0.0015}' in line
    assert decode(line).event == used


@pytest.mark.parametrize("length", range(0, len(WHOLE), 7))
def test_line_that_was_cut_off_is_an_error(length: int) -> None:
    with pytest.raises(JournalError):
        decode(WHOLE[:length])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "7",
        "{}",
        WHOLE + WHOLE,
        WHOLE.replace('"at":1.0', '"at":"soon"'),
        WHOLE.replace('"at":1.0', '"at":null'),
        WHOLE.replace("InvokeRequested", "InvokeWished"),
        WHOLE.replace('"type":"InvokeRequested",', ""),
        WHOLE.replace('"invocation":"a","key"', '"key"', 1),
        WHOLE.replace('"key"', '"kee"', 1),
        WHOLE.replace('"commands":[', '"commands":[7,'),
        '{"at":1.0,"event":"TimePassed","commands":[]}',
        '{"at":1.0,"event":{"type":"TimePassed"},"commands":null}',
        '{"at":1.0,"event":{"type":["TimePassed"]},"commands":[]}',
        '{"at":1.0,"event":{"type":"FreezeSandbox","sandbox":1},"commands":[]}',
        '{"at":1.0,"event":{"type":"TimePassed"},"commands":[{"type":"TimePassed"}]}',
        '{"at":1.0,"event":{"type":"VersionRetired","key":{"a":1}},"commands":[]}',
        (
            '{"at":1.0,"event":{"type":"TimePassed"},"commands":[{"type":"StopSandbox","sandbox":1,'
            '"reason":"bored"}]}'
        ),
    ],
)
def test_damaged_line_is_an_error_that_shows_it(line: str) -> None:
    assert line != WHOLE
    with pytest.raises(JournalError, match="not a journal entry") as raised:
        decode(line)
    assert line[:40] in str(raised.value)


def scheduler() -> Scheduler:
    return Scheduler(SchedulerSettings(), random.Random(0))


def journal() -> list[Entry]:
    running = scheduler()
    events: list[tuple[float, Event]] = [
        (0.0, VersionDeployed(FunctionVersion("echo", 128, 3.0))),
        (1.0, InvokeRequested("a", VersionKey.of("echo"))),
        (2.0, SandboxReady(1)),
        (9.0, TimePassed()),
    ]
    return [Entry(at, event, tuple(running.handle(event, at))) for at, event in events]


def test_replay_of_a_journal_gives_the_same_commands() -> None:
    replay((decode(encode(entry)) for entry in journal()), scheduler())


def test_replay_names_the_first_entry_that_departs() -> None:
    entries = journal()
    entries[2] = Entry(2.0, entries[2].event, ())
    with pytest.raises(JournalError, match=r"^entry 3: .*Dispatch.* instead of \(\)"):
        replay(entries, scheduler())


def test_a_request_of_a_journal_from_before_there_was_a_network_lost_nothing_on_its_way() -> None:
    line = '{"at":1.0,"event":{"type":"InvokeRequested","invocation":"a","key":"echo:$LATEST"},'
    event = decode(line + '"commands":[]}').event
    assert event == InvokeRequested("a", VersionKey("echo:$LATEST"), network=0.0, gateway=0.0)
