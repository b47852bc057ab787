from __future__ import annotations

import pytest

from emulator.core.routes import Route, RouteTable, path_fault


def table(*keys: str) -> RouteTable:
    """Routes whose function is their own key, so that a test can name which one was taken."""
    routes = []
    for key in keys:
        method, _, path = key.partition(" ")
        routes.append(Route(method, path, key) if path else Route("ANY", "$default", key))
    return RouteTable(routes)


def taken(routes: RouteTable, method: str, path: str) -> tuple[str, dict[str, str]] | None:
    match = routes.match(method, path)
    return match and (match[0].function, dict(match[1]))


# The example of the developer guide, "Create routes for HTTP APIs".
GUIDE = (
    "$default",
    "ANY /{proxy+}",
    "GET /pets/{proxy+}",
    "GET /pets/dog/{id}",
    "GET /pets/dog/1",
)


@pytest.mark.parametrize("keys", [GUIDE, tuple(reversed(GUIDE))])
@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}", {"proxy": "cat/1"}),
        ("POST", "/test/5", "ANY /{proxy+}", {"proxy": "test/5"}),
    ],
)
def test_the_most_specific_route_is_taken_in_whatever_order_they_stand(
    keys: tuple[str, ...], method: str, path: str, key: str, parameters: dict[str, str]
) -> None:
    assert taken(table(*keys), method, path) == (key, parameters)


def test_default_takes_what_no_other_route_does() -> None:
    routes = table("$default", "POST /{proxy+}")
    assert taken(routes, "GET", "/anything/at/all") == ("$default", {})
    assert taken(routes, "POST", "/anything") == ("POST /{proxy+}", {"proxy": "anything"})


def test_no_route_is_none() -> None:
    routes = table("GET /items", "GET /items/{id}")
    assert routes.match("POST", "/items") is None
    assert routes.match("GET", "/other") is None
    assert routes.match("GET", "/items/1/parts") is None
    assert RouteTable([]).match("GET", "/") is None


def test_a_method_goes_before_any() -> None:
    routes = table("ANY /items", "GET /items")
    assert taken(routes, "GET", "/items") == ("GET /items", {})
    assert taken(routes, "DELETE", "/items") == ("ANY /items", {})


def test_a_method_on_a_variable_goes_before_any_on_a_word() -> None:
    routes = table("ANY /pets/dog", "GET /pets/{name}")
    assert taken(routes, "GET", "/pets/dog") == ("GET /pets/{name}", {"name": "dog"})
    assert taken(routes, "PUT", "/pets/dog") == ("ANY /pets/dog", {})


def test_a_full_match_of_any_goes_before_a_greedy_match_of_the_method() -> None:
    routes = table("GET /pets/{proxy+}", "ANY /pets/{name}")
    assert taken(routes, "GET", "/pets/dog") == ("ANY /pets/{name}", {"name": "dog"})


def test_the_longer_prefix_of_two_greedy_routes_is_taken() -> None:
    routes = table("GET /{proxy+}", "GET /pets/{proxy+}", "GET /pets/dog/{proxy+}")
    assert taken(routes, "GET", "/pets/dog/collar/1") == (
        "GET /pets/dog/{proxy+}",
        {"proxy": "collar/1"},
    )


def test_words_are_compared_from_the_left() -> None:
    routes = table("GET /{a}/b/{c}", "GET /a/{b}/{c}")
    assert taken(routes, "GET", "/a/b/c") == ("GET /a/{b}/{c}", {"b": "b", "c": "c"})


def test_a_trailing_slash_and_case_make_another_path() -> None:
    routes = table("GET /items", "GET /items/{id}")
    assert routes.match("GET", "/items/") is None
    assert routes.match("GET", "/Items") is None
    assert routes.match("GET", "/items/1/") is None


def test_a_greedy_variable_takes_nothing_after_its_slash_but_needs_the_slash() -> None:
    routes = table("GET /files/{proxy+}")
    assert taken(routes, "GET", "/files/") == ("GET /files/{proxy+}", {"proxy": ""})
    assert taken(routes, "GET", "/files/a/") == ("GET /files/{proxy+}", {"proxy": "a/"})
    assert routes.match("GET", "/files") is None
    assert taken(table("ANY /{proxy+}"), "GET", "/") == ("ANY /{proxy+}", {"proxy": ""})


def test_the_root_is_a_path() -> None:
    assert taken(table("GET /"), "GET", "/") == ("GET /", {})


def test_two_routes_for_the_same_requests_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two routes take GET /items/\{key\}"):
        table("GET /items/{id}", "GET /items/{key}")
    with pytest.raises(ValueError, match=r"two routes take \$default"):
        table("$default", "$default")


@pytest.mark.parametrize(
    "path", ["/", "/a", "/a-b_c.d/", "/{id}", "/a/{id}/b/{rest+}", "/{x.y-z:1}", "/v1:batch"]
)
def test_path_that_api_gateway_takes_has_no_fault(path: str) -> None:
    assert path_fault(path) == ""


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("a", "the path 'a' must begin with '/'"),
        ("", "the path '' must begin with '/'"),
        ("/{rest+}/a", "'{rest+}' in the path '/{rest+}/a' must be its last part"),
        ("/a//b", "'' in the path '/a//b' is neither a word nor a {variable}"),
        ("/{}", "'{}' in the path '/{}' is neither a word nor a {variable}"),
        ("/a{id}", "'a{id}' in the path '/a{id}' is neither a word nor a {variable}"),
        ("/a b", "'a b' in the path '/a b' is neither a word nor a {variable}"),
        ("/{a}/{a}", "the path '/{a}/{a}' uses a variable's name twice"),
    ],
)
def test_path_that_api_gateway_refuses_is_told_with_the_reason(path: str, fault: str) -> None:
    assert path_fault(path) == fault
