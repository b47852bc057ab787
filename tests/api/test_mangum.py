"""FastAPI by mangum behind each way in: how a framework reads our events, and we its results."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI, Request, Response

from emulator.api.function_url.responses import whole
from emulator.api.http_api import event as format_2
from emulator.api.http_api.event import Api, HttpRequest, inferred_body
from emulator.api.http_api.event_v1 import Asked, event_v1
from emulator.api.http_api.response import response
from emulator.api.http_api.response_v1 import response_v1
from emulator.api.load_balancer import event as load_balancer
from emulator.api.load_balancer.responses import response as load_balancer_response
from emulator.api.rest_api.responses import response as rest_response
from emulator.core.load_balancer import Target
from emulator.core.routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.api.asgi import HttpResponse

mangum = pytest.importorskip("mangum")

BYTES = bytes(range(256))


@pytest.fixture(autouse=True)
def _own_loop() -> Iterator[None]:
    """Gives mangum the loop that it would else make, and never close."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


SENT = HttpRequest(
    "POST",
    "/items/a b",
    b"tag=1&tag=2&q=a%20b",
    [
        (b"host", b"localhost"),
        (b"content-type", b"application/octet-stream"),
        (b"cookie", b"session=7"),
        (b"x-mine", b"yes"),
    ],
    BYTES,
    "10.0.0.7",
)
RAW = "/items/a%20b"
API = Api("123456789012", "id", "id.execute-api.us-east-1.amazonaws.com", 8000)
STAGED = Api("123456789012", "id", "id.execute-api.us-east-1.amazonaws.com", 8000, stage="Prod")
BOTH = Target("f", multi_value=True)


def app() -> FastAPI:
    served = FastAPI()

    @served.post("/items/{name}")
    async def item(name: str, request: Request) -> dict[str, Any]:
        return {
            "name": name,
            "tags": request.query_params.getlist("tag"),
            "q": request.query_params["q"],
            "cookie": request.cookies["session"],
            "mine": request.headers["x-mine"],
            "body": list(await request.body()),
            "client": request.client.host if request.client else "",
        }

    @served.get("/bytes")
    async def octets() -> Response:
        answer = Response(BYTES, 201, media_type="image/png")
        answer.set_cookie("a", "1")
        answer.set_cookie("b", "2")
        return answer

    return served


def of_http_api_2(sent: HttpRequest, raw: str) -> bytes:
    route = Route("ANY", "/{proxy+}", "f")
    built = format_2.event(sent, route, {}, api=API, request_id="i", at_epoch=1.0)
    return built if raw else b""


def _of_format_1(sent: HttpRequest, asked: Asked, api: Api, version: str) -> bytes:
    kind = dict(sent.headers).get(b"content-type", b"").decode()
    return event_v1(
        sent,
        asked,
        inferred_body(sent.body, kind),
        api=api,
        request_id="i",
        extended_request_id="e",
        at_epoch=1.0,
        version=version,
    )


def of_http_api_1(sent: HttpRequest, raw: str) -> bytes:
    return _of_format_1(sent, Asked("/{proxy+}", {}, "ANY /{proxy+}", raw, raw), API, "1.0")


def of_rest_api(sent: HttpRequest, raw: str) -> bytes:
    asked = Asked("/{proxy+}", {"proxy": raw[1:]}, "abc123", raw, f"/Prod{raw}")
    return _of_format_1(sent, asked, STAGED, "")


def of_load_balancer(sent: HttpRequest, raw: str) -> bytes:
    return load_balancer.event(sent, raw, BOTH, port=80)


WAYS: dict[str, tuple[Callable[..., bytes], Callable[[bytes], HttpResponse]]] = {
    "function URL": (of_http_api_2, whole),
    "HTTP API, format 2.0": (of_http_api_2, response),
    "HTTP API, format 1.0": (of_http_api_1, response_v1),
    "REST API": (of_rest_api, lambda result: rest_response(result, ("*/*",), "")),
    "load balancer": (of_load_balancer, lambda result: load_balancer_response(result, BOTH)),
}


def answered(way: str, sent: HttpRequest, raw: str) -> HttpResponse:
    """What a client gets of the app by one of the ways in."""
    make, read = WAYS[way]
    handler = mangum.Mangum(app(), lifespan="off")
    result = handler(json.loads(make(sent, raw)), {})
    return read(json.dumps(result).encode())


@pytest.mark.parametrize("way", WAYS)
def test_app_sees_the_request_that_the_client_made(way: str) -> None:
    answer = answered(way, SENT, RAW)
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "name": "a b",
        "tags": ["1", "2"],
        "q": "a b",
        "cookie": "7",
        "mine": "yes",
        "body": list(BYTES),
        "client": "10.0.0.7",
    }


@pytest.mark.parametrize("way", WAYS)
def test_client_gets_the_answer_that_the_app_gave(way: str) -> None:
    sent = HttpRequest("GET", "/bytes", b"", [(b"host", b"localhost")], b"", "10.0.0.7")
    answer = answered(way, sent, "/bytes")
    assert (answer.status, answer.body) == (201, BYTES)
    assert dict(answer.headers)[b"content-type"] == b"image/png"
    cookies = [value.split(b";")[0] for name, value in answer.headers if name == b"set-cookie"]
    assert cookies == [b"a=1", b"b=2"]
