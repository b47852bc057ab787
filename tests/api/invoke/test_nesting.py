"""How deeply JSON is nested, against the standard library's parser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.api.invoke.nesting import is_deeper

VALUES = st.recursive(
    st.integers() | st.text('[]{}\\"ab'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('[]{}\\"ab'), inner),
)


def depth(value: Any) -> int:
    match value:
        case list():
            return 1 + max(map(depth, value), default=0)
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
    return 0


@given(VALUES, st.integers(0, 8))
def test_depth_is_that_of_the_parsed_value(value: Any, most: int) -> None:
    assert is_deeper(json.dumps(value).encode(), most) == (depth(value) > most)


@pytest.mark.parametrize(("opened", "closed"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_last_level_that_is_taken(opened: bytes, closed: bytes) -> None:
    assert not is_deeper(opened * 1000 + b"1" + closed * 1000, 1000)
    assert is_deeper(opened * 1001 + b"1" + closed * 1001, 1000)


def test_brackets_side_by_side_or_in_strings_are_not_deep() -> None:
    assert not is_deeper(b"[" + b",".join([b'{"a":[1]}'] * 5000) + b"]", 1000)
    assert not is_deeper(json.dumps(["[{" * 5000, '\\"[' * 5000]).encode(), 1000)
