"""Pages of a list, which may change between them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.api.services.calls import ServiceError
from emulator.api.services.pagination import page

NAMES = st.lists(st.text(min_size=1), unique=True).map(sorted)


def same(name: str) -> str:
    return name


@given(NAMES, st.integers(1, 5))
def test_pages_in_a_row_are_the_whole_list(names: list[str], size: int) -> None:
    found: list[str] = []
    marker: str | None = None
    for _ in range(len(names) + 1):
        part = page(names, same, marker, size)
        assert len(part.items) <= size
        found += part.items
        marker = part.marker
        if marker is None:
            break
    assert found == names
    assert marker is None


def test_page_goes_on_after_an_item_that_is_gone() -> None:
    first = page(["a", "b", "c", "d"], same, None, 2)
    assert page(["a", "c", "d"], same, first.marker, 2).items == ["c", "d"]


def test_numbers_are_keys_too() -> None:
    first = page([1, 2, 10], int, None, 2)
    assert page([1, 2, 10], int, first.marker, 2).items == [10]


def test_page_is_never_larger_than_the_cap() -> None:
    assert len(page([str(n) for n in range(1000, 1100)], same, None, 10_000).items) == 50


@pytest.mark.parametrize("marker", ["x", "", "[", base64.b64encode(b"1").decode(), "W1tb" * 2000])
def test_foreign_marker_is_refused(marker: str) -> None:
    if not marker:
        assert page(["a"], same, marker, 1).items == ["a"]
        return
    with pytest.raises(ServiceError) as refused:
        page(["a"], same, marker, 1)
    assert refused.value.code == "InvalidParameterValueException"
