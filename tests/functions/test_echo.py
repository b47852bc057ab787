from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    App = Callable[[str], ModuleType]


@pytest.mark.parametrize("event", [None, 0, "text", [1], {"a": 1}, {"version": "2.0", "body": "x"}])
def test_direct_event_comes_back_unchanged(app: App, event: Any) -> None:
    assert app("echo").handler(event, None) == event


@pytest.mark.parametrize("encoded", [False, True])
def test_http_body_comes_back_in_the_encoding_it_came_in(app: App, *, encoded: bool) -> None:
    http = {"version": "2.0", "requestContext": {"http": {"method": "POST"}}}
    event = http | {"body": "aGk=", "isBase64Encoded": encoded}
    expected = {"statusCode": 200, "body": "aGk=", "isBase64Encoded": encoded}
    assert app("echo").handler(event, None) == expected


def test_http_request_without_a_body_gets_an_empty_one(app: App) -> None:
    http = {"version": "2.0", "requestContext": {"http": {"method": "POST"}}}
    assert app("echo").handler(http, None)["body"] == ""
