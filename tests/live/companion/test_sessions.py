from __future__ import annotations

from dataclasses import replace

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.function_names import Scope
from emulator.live.companion.sessions import LIFETIME, Sessions

ECHO = FunctionConfiguration("echo", role="arn:aws:iam::123456789012:role/worker")


class Clock:
    def __init__(self) -> None:
        self.time = 1e9

    def __call__(self) -> float:
        return self.time


def test_session_is_of_the_functions_role_and_named_after_the_function() -> None:
    session = Sessions().of(ECHO)
    assert (session.role_arn, session.name, session.account) == (ECHO.role, "echo", "123456789012")
    assert session.function_arn == "arn:aws:lambda:us-east-1:123456789012:function:echo"
    assert session.key.startswith("ASIA")
    assert len(session.key) == 20


def test_function_without_a_role_has_the_accounts_testbed() -> None:
    there = replace(ECHO, role="", scope=Scope("111122223333", "eu-west-1"))
    assert Sessions().of(there).role_arn == "arn:aws:iam::111122223333:role/testbed"


def test_sandboxes_share_a_session_until_half_of_it_has_gone() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    first = sessions.of(ECHO)
    clock.time += LIFETIME / 2
    assert sessions.of(ECHO) == first
    clock.time += 1
    second = sessions.of(ECHO)
    assert second.key != first.key
    assert second.expires == clock.time + LIFETIME
    # the older sandbox goes on with what it has
    assert sessions.find(first.key) == first


def test_role_that_is_changed_has_a_session_of_its_own() -> None:
    sessions = Sessions()
    other = replace(ECHO, role="arn:aws:iam::123456789012:role/other")
    assert sessions.of(ECHO).key != sessions.of(other).key
    assert sessions.of(ECHO).key != sessions.of(replace(ECHO, version="1")).key


def test_expired_session_is_forgotten_when_the_next_is_made() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    first = sessions.of(ECHO)
    clock.time += LIFETIME + 1
    sessions.of(ECHO)
    assert sessions.find(first.key) is None


def test_variables_are_those_of_sdks() -> None:
    sessions = Sessions()
    session = sessions.of(ECHO)
    assert sessions.environment(ECHO) == {
        "AWS_ACCESS_KEY_ID": session.key,
        "AWS_SECRET_ACCESS_KEY": session.secret,
        "AWS_SESSION_TOKEN": session.token,
    }
