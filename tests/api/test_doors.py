"""APIs that clients put in front of functions while the emulator runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from emulator.core.api_documents import document_of
from emulator.core.apis import HttpApi, RestApi
from emulator.core.routes import Route

if TYPE_CHECKING:
    from tests.api.conftest import Served


def test_an_api_is_served_from_when_it_is_put_until_it_is_deleted(emulator: Served) -> None:
    page = f"{emulator.url}/_testbed/apis/late"
    api = HttpApi("late", (Route("GET", "/late", "echo"),))
    assert httpx.get(f"{emulator.url}/late").status_code == 404
    told = httpx.put(page, json=document_of(api)).json()
    assert told == {"id": "late", "routes": ["GET http://late.execute-api.localhost:0/late"]}
    assert httpx.get(f"{emulator.url}/late").json()["requestContext"]["apiId"] == "late"
    assert document_of(api) in httpx.get(f"{emulator.url}/_testbed/apis").json()
    changed = RestApi("late", (Route("ANY", "/later", "echo"),), "v1")
    told = httpx.put(page, json=document_of(changed)).json()
    assert told["routes"] == ["ANY http://late.execute-api.localhost:0/v1/later"]
    assert httpx.get(f"{emulator.url}/late").status_code == 404
    assert httpx.get(f"{emulator.url}/v1/later").status_code == 502  # echo is no proxy response
    assert httpx.delete(page).json() == {"id": "late", "routes": []}
    assert httpx.get(f"{emulator.url}/v1/later").status_code == 404
    assert httpx.delete(page).status_code == 404


def test_document_that_is_no_apis_is_told_what_is_wrong(emulator: Served) -> None:
    answer = httpx.put(f"{emulator.url}/_testbed/apis/x", json={"kind": "soap"})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("this is no API's document")


def test_api_that_takes_everything_leaves_the_testbeds_own_pages(emulator: Served) -> None:
    page = f"{emulator.url}/_testbed/apis/all"
    everything = HttpApi("all", (Route("ANY", "$default", "echo"),))
    httpx.put(page, json=document_of(everything))
    try:
        assert httpx.get(f"{emulator.url}/anything").json()["routeKey"] == "$default"
        assert httpx.get(f"{emulator.url}/_testbed/apis").json()[-1]["id"] == "all"
        assert httpx.get(f"{emulator.url}/healthz").json()["status"] == "ok"
        assert "# HELP" in httpx.get(f"{emulator.url}/metrics").text
    finally:
        assert httpx.delete(page).json()["id"] == "all"


def test_api_has_a_path_of_the_testbeds_where_its_route_spells_it(emulator: Served) -> None:
    page = f"{emulator.url}/_testbed/apis/mine"
    httpx.put(page, json=document_of(HttpApi("mine", (Route("GET", "/metrics", "echo"),))))
    try:
        assert httpx.get(f"{emulator.url}/metrics").json()["routeKey"] == "GET /metrics"
    finally:
        httpx.delete(page)


def test_a_route_for_the_rest_is_told_with_an_address_that_can_be_asked(
    emulator: Served,
) -> None:
    page = f"{emulator.url}/_testbed/apis/rest"
    api = HttpApi("rest", (Route("ANY", "$default", "echo"),))
    try:
        told = httpx.put(page, json=document_of(api)).json()
        assert told["routes"] == ["$default http://rest.execute-api.localhost:0/"]
    finally:
        httpx.delete(page)
