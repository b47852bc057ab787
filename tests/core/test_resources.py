from __future__ import annotations

import pytest

from emulator.core.resources import ResourceTree
from emulator.core.routes import Route


def tree(*keys: str) -> ResourceTree:
    pairs = (key.split() for key in keys)
    return ResourceTree(
        Route(method, path, key) for (method, path), key in zip(pairs, keys, strict=True)
    )


def taken(resources: ResourceTree, method: str, path: str) -> tuple[str, dict[str, str]] | None:
    found = resources.find(path)
    if found is None or (route := found[0].route(method)) is None:
        return None
    return route.function, dict(found[1])


EVERY = tree("GET /a/b", "ANY /a/{id}", "GET /a/{id}", "ANY /{proxy+}", "POST /a/{id}/c")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/a/b", ("GET /a/b", {})),
        ("GET", "/a/b/", ("GET /a/b", {})),
        ("GET", "/a/7", ("GET /a/{id}", {"id": "7"})),
        ("PUT", "/a/7", ("ANY /a/{id}", {"id": "7"})),
        ("POST", "/a/7/c", ("POST /a/{id}/c", {"id": "7"})),
        ("GET", "/a", ("ANY /{proxy+}", {"proxy": "a"})),
        ("GET", "/x/y/z", ("ANY /{proxy+}", {"proxy": "x/y/z"})),
    ],
)
def test_a_word_goes_before_a_variable_before_a_greedy_one(
    method: str, path: str, expected: tuple[str, dict[str, str]]
) -> None:
    assert taken(EVERY, method, path) == expected


def test_resource_without_the_method_refuses_what_a_greedy_one_would_take() -> None:
    assert taken(EVERY, "POST", "/a/b") is None
    assert taken(EVERY, "GET", "/a/7/c") is None


def test_greedy_resource_does_not_take_its_own_parent() -> None:
    assert taken(EVERY, "GET", "/") is None
    assert taken(tree("GET /", "ANY /{proxy+}"), "GET", "/") == ("GET /", {})
    assert taken(tree("ANY /a/{proxy+}"), "GET", "/a/") is None


def test_a_method_of_a_path_is_there_once() -> None:
    with pytest.raises(ValueError, match="two routes take GET /a/"):
        tree("GET /a", "GET /a/")
