"""Function URLs over HTTP, told by their Host."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from emulator.api.cors import answer_headers, preflight_headers
from emulator.api.function_url.responses import BAD_GATEWAY, Prelude, PreludeError, whole
from emulator.api.function_url.route import function_url
from emulator.core.function_url import Cors
from emulator.core.policy import SchedulerSettings
from tests.api.conftest import STREAMED_RESPONSE_LIMIT, Served, served

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

BOUND = 60.0
"""Seconds that any one wait may take."""
PRELUDE = "application/vnd.awslambda.http-integration-response"
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/lambda/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=00"
)


def at(function: str, more: dict[str, str] | None = None) -> dict[str, str]:
    return {"host": f"{function}.lambda-url.localhost:8000"} | (more or {})


def ask(
    here: Served,
    function: str,
    path: str = "/",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> httpx.Response:
    return httpx.request(method, here.url + path, headers=at(function, headers), **more)


def play(here: Served, function: str, script: dict[str, Any], **more: Any) -> httpx.Response:
    return ask(here, function, method="POST", json=script, **more)


def streamed(
    here: Served, function: str, script: dict[str, Any]
) -> AbstractContextManager[httpx.Response]:
    return httpx.stream("POST", here.url, headers=at(function), json=script)


# the event


def test_function_gets_the_request_in_format_2(emulator: Served) -> None:
    answer = ask(
        emulator, "open", "/a%20b/c?d=1&d=2", method="PUT", json={"x": 1}, headers={"cookie": "e=f"}
    )
    event = answer.json()
    assert answer.status_code == 200
    assert (event["version"], event["routeKey"]) == ("2.0", "$default")
    assert (event["rawPath"], event["rawQueryString"]) == ("/a b/c", "d=1&d=2")
    assert event["queryStringParameters"] == {"d": "1,2"}
    assert (event["cookies"], event["body"]) == (["e=f"], '{"x":1}')
    context = event["requestContext"]
    assert (context["accountId"], context["apiId"]) == ("anonymous", "open")
    assert context["domainName"] == "open.lambda-url.localhost"
    assert (context["domainPrefix"], context["stage"]) == ("open", "$default")
    assert context["http"]["method"] == "PUT"
    assert "authorizer" not in context
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", event["headers"]["x-amzn-trace-id"])


def test_request_id_is_the_one_of_the_events_and_of_the_log(emulator: Served) -> None:
    answer = ask(emulator, "open")
    request_id = answer.headers["x-amzn-requestid"]
    assert answer.json()["requestContext"]["requestId"] == request_id
    assert request_id in httpx.get(f"{emulator.url}/_testbed/logs/open").text


@pytest.mark.parametrize(
    "host",
    [
        "open.lambda-url.localhost",
        "OPEN.Lambda-Url.localhost:80",
        "open.lambda-url.eu-west-1.on.aws",
    ],
)
def test_function_is_told_by_the_host(emulator: Served, host: str) -> None:
    answer = httpx.get(emulator.url, headers={"host": host})
    assert answer.json()["requestContext"]["domainName"] == host.partition(":")[0].lower()


def test_url_goes_before_the_templates_routes(emulator: Served) -> None:
    event = ask(emulator, "open", "/echo/7", method="POST").json()
    assert event["routeKey"] == "$default"
    assert httpx.post(f"{emulator.url}/echo/7").json()["routeKey"] == "POST /echo/{id}"


@pytest.mark.parametrize("function", ["nobody", "echo"])
def test_function_without_a_url_is_denied(emulator: Served, function: str) -> None:
    answer = ask(emulator, function)
    assert (answer.status_code, answer.text) == (403, '{"Message":null}')
    assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"


def test_url_is_in_lower_case_as_hosts_are() -> None:
    assert function_url("My-Fn", 8000) == "http://my-fn.lambda-url.localhost:8000/"


# who may ask


def test_unsigned_request_is_forbidden(emulator: Served) -> None:
    answer = ask(emulator, "guarded")
    assert answer.status_code == 403
    assert answer.json()["Message"].startswith("Forbidden. For troubleshooting Function URL")
    assert answer.headers["x-testbed-reason"] == "The request is not signed."
    assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
    other = SIGNED.replace("/lambda/", "/s3/")
    assert ask(emulator, "guarded", headers={"authorization": other}).status_code == 403


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {"authorization": SIGNED}),
        ("/?X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Fus-east-1%2Flambda%2Faws4_request", {}),
    ],
)
def test_signed_request_comes_with_its_caller(
    emulator: Served, path: str, headers: dict[str, str]
) -> None:
    context = ask(emulator, "guarded", path, headers=headers).json()["requestContext"]
    assert context["accountId"] == "123456789012"
    assert context["authorizer"]["iam"]["accessKey"] == "AKIDEXAMPLE"
    assert context["authorizer"]["iam"]["userArn"] == "arn:aws:iam::123456789012:root"


# responses that come whole


def test_failure_is_a_bad_gateway_in_plain_words(emulator: Served) -> None:
    answer = ask(emulator, "failing")
    assert (answer.status_code, answer.text) == (502, "Internal Server Error")


def test_request_above_the_limit_is_refused(emulator: Served) -> None:
    answer = ask(emulator, "open", method="POST", content=b"x" * 6_291_457)
    assert answer.status_code == 413
    assert answer.headers["x-amzn-errortype"] == "RequestTooLargeException"


def test_request_whose_event_is_above_the_limit_is_refused(emulator: Served) -> None:
    assert ask(emulator, "open", method="POST", content=b"\0" * 6_000_000).status_code == 413


def test_response_above_the_limit_is_a_bad_gateway(emulator: Served) -> None:
    assert ask(emulator, "open", method="POST", content=b"x" * 4000).status_code == 502


def test_throttle_is_told_as_of_invoke(tmp_path: Path) -> None:
    with (
        served(tmp_path, SchedulerSettings(account_concurrency=1)) as here,
        ThreadPoolExecutor(3) as pool,
    ):
        calls = [pool.submit(play, here, "collecting", {"then": "wait"}) for _ in range(3)]
        ended = as_completed(calls, timeout=BOUND)
        refused = [next(ended).result() for _ in range(2)]
        here.gate.set()
    assert sorted(call.result().status_code for call in calls) == [200, 429, 429]
    assert refused[0].json() == {
        "Reason": "ConcurrentInvocationLimitExceeded",
        "Type": "User",
        "message": "Rate Exceeded.",
    }


def test_buffered_url_takes_a_stream_as_one_result(emulator: Served) -> None:
    answer = play(emulator, "collecting", {"pieces": ['{"statusCode"', ':201,"body":"x"}']})
    assert (answer.status_code, answer.text) == (201, "x")


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        (b'{"hello":"world"}', 200, b'{"hello":"world"}'),
        (b'{"statusCode":200,"body":"body123"}', 200, b"body123"),
        (b'{"statusCode":"418","body":"a teapot"}', 418, b"a teapot"),
        (b'["hello",3,true]', 200, b'["hello",3,true]'),
        (b'"hello"', 200, b"hello"),
        (b"3.1", 200, b"3.1"),
        (b"null", 200, b"null"),
        (b"no json", 200, b"no json"),
    ],
)
def test_response_is_inferred_from_the_result(result: bytes, status: int, body: bytes) -> None:
    answer = whole(result)
    assert (answer.status, answer.body) == (status, body)
    assert dict(answer.headers)[b"content-type"] == b"application/json"


def test_result_says_headers_and_cookies_itself() -> None:
    answer = whole(
        b'{"statusCode":201,"headers":{"Content-Type":"text/html"},"cookies":["a=b","c=d"],'
        b'"body":"PGI+","isBase64Encoded":true}'
    )
    assert answer.body == b"<b>"
    assert answer.headers[:3] == (
        (b"content-type", b"text/html"),
        (b"set-cookie", b"a=b"),
        (b"set-cookie", b"c=d"),
    )


@pytest.mark.parametrize(
    "result",
    [b'{"statusCode":"ok"}', b'{"statusCode":99}', b'{"statusCode":200,"headers":[1]}'],
)
def test_result_that_cannot_be_followed_is_a_bad_gateway(result: bytes) -> None:
    assert whole(result) is BAD_GATEWAY


# responses in pieces


def test_pieces_are_passed_on_as_they_come(emulator: Served) -> None:
    emulator.gate.clear()
    script = {"type": "text/event-stream", "pieces": ["data: 1\n\n"], "then": "wait"}
    with streamed(emulator, "streaming", script) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == b"data: 1\n\n"
        assert answer.headers["content-type"] == "text/event-stream"
        emulator.gate.set()
        assert b"".join(pieces) == b"after the gate"


def test_prelude_says_status_headers_and_cookies(emulator: Served) -> None:
    head = {
        "statusCode": 418,
        "headers": {"Content-Type": "text/html", "X-A": "1"},
        "cookies": ["a=b", "c=d"],
    }
    told = json.dumps(head) + "\0" * 8 + "<b>"
    for pieces in ([told, "x"], [*told[:-1], "<b>"[-1] + "x"], [told[:-5], told[-5:] + "x"]):
        answer = play(emulator, "streaming", {"type": PRELUDE, "pieces": pieces})
        assert (answer.status_code, answer.text) == (418, "<b>x")
        assert (answer.headers["content-type"], answer.headers["x-a"]) == ("text/html", "1")
        assert answer.headers.get_list("set-cookie") == ["a=b", "c=d"]


def test_prelude_alone_is_an_answer_without_a_body(emulator: Served) -> None:
    for status in (200, 204):
        told = json.dumps({"statusCode": status}) + "\0" * 8
        answer = play(emulator, "streaming", {"type": PRELUDE, "pieces": [told]})
        assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize("told", ['{"statusCode":200}', "no json" + "\0" * 8, "[]" + "\0" * 8])
def test_stream_without_the_prelude_it_promised_is_a_bad_gateway(
    emulator: Served, told: str
) -> None:
    answer = play(emulator, "streaming", {"type": PRELUDE, "pieces": [told]})
    assert (answer.status_code, answer.text) == (502, "Internal Server Error")


@pytest.mark.parametrize("character", ["\r", "\n", "\r\n", "\x01", "\x7f", "\0"])
def test_stream_whose_head_has_a_control_character_is_a_bad_gateway(
    emulator: Served, character: str, caplog: pytest.LogCaptureFixture
) -> None:
    for head in ({"headers": {"x-a": f"b{character}c"}}, {"cookies": [f"a={character}"]}):
        told = json.dumps({"statusCode": 200, **head}) + "\0" * 8
        answer = play(emulator, "streaming", {"type": PRELUDE, "pieces": [told, "x"]})
        assert (answer.status_code, answer.text) == (502, "Internal Server Error")
    assert not caplog.records


@pytest.mark.parametrize("character", ["\r", "\n", "\x01", "\x7f"])
def test_stream_whose_type_has_a_control_character_is_a_bad_gateway(
    emulator: Served, character: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = play(emulator, "streaming", {"type": f"text/{character}plain", "pieces": ["x"]})
    assert (answer.status_code, answer.text) == (502, "Internal Server Error")
    assert not caplog.records


def test_header_with_a_control_character_is_a_bad_gateway(emulator: Served) -> None:
    told = json.dumps({"statusCode": 200, "headers": {"x-a": "\x01"}})
    answer = play(emulator, "collecting", {"pieces": [told]})
    assert (answer.status_code, answer.text) == (502, "Internal Server Error")


def test_functions_headers_do_not_stand_beside_the_emulators(emulator: Served) -> None:
    told = json.dumps({"headers": {"X-Testbed-Start": "warmer", "x-amzn-requestid": "1"}})
    for function, tail in (("streaming", "\0" * 8), ("collecting", "")):
        script = {"type": PRELUDE, "pieces": [told.replace("{", '{"statusCode":200,', 1) + tail]}
        answer = play(emulator, function, script)
        assert len(answer.headers.get_list("x-testbed-start")) == 1
        assert answer.headers["x-testbed-start"] != "warmer"
        assert len(answer.headers.get_list("x-amzn-requestid")) == 1


def test_prelude_is_not_searched_for_without_end() -> None:
    prelude = Prelude()
    assert prelude.feed(b"x" * (1 << 20)) is None
    with pytest.raises(PreludeError):
        prelude.feed(b"x")


@pytest.mark.parametrize("script", [{"pieces": ["a"], "then": "fail"}, {"megabytes": 4}])
def test_error_midway_breaks_the_connection_off(emulator: Served, script: dict[str, Any]) -> None:
    read: list[bytes] = []
    with streamed(emulator, "streaming", script) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            read.extend(answer.iter_raw())
    most = STREAMED_RESPONSE_LIMIT if "megabytes" in script else 1
    assert sum(map(len, read)) == most


def test_error_before_the_first_piece_is_a_bad_gateway(emulator: Served) -> None:
    answer = play(emulator, "streaming", {"then": "fail"})
    assert (answer.status_code, answer.text) == (502, "Internal Server Error")
    assert ask(emulator, "failing-stream").status_code == 502


def test_answer_in_one_piece_is_passed_on_as_it_is(emulator: Served) -> None:
    answer = ask(emulator, "whole", method="POST", content=b"x")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["requestContext"]["apiId"] == "whole"


def test_stream_above_the_limit_of_one_piece_is_whole(emulator: Served) -> None:
    assert len(play(emulator, "streaming", {"megabytes": 2}).content) == 2 << 20


# pages of other origins

ORIGIN = {"origin": "https://a.example"}
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "x-a"}


def cors(answer: httpx.Response) -> dict[str, str]:
    return {k: v for k, v in answer.headers.items() if k.startswith("access-control-")}


def test_preflight_request_is_answered_without_the_function(emulator: Served) -> None:
    answer = ask(emulator, "shared", method="OPTIONS", headers=ORIGIN | PREFLIGHT)
    assert answer.status_code == 200
    assert "x-amzn-requestid" not in answer.headers
    assert cors(answer) == {
        "access-control-allow-origin": "https://a.example",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "x-a",
        "access-control-max-age": "60",
    }


def test_preflight_request_of_another_origin_is_told_nothing(emulator: Served) -> None:
    headers = {"origin": "https://b.example"} | PREFLIGHT
    answer = ask(emulator, "shared", method="OPTIONS", headers=headers)
    assert (answer.status_code, cors(answer)) == (200, {})


def test_answer_says_what_its_origin_may_see(emulator: Served) -> None:
    told = {
        "statusCode": 200,
        "headers": {"access-control-allow-origin": "*", "x-b": "1"},
        "body": "x",
    }
    answer = play(emulator, "shared", {"pieces": [json.dumps(told)]}, headers=ORIGIN)
    assert answer.headers["x-b"] == "1"
    assert cors(answer) == {
        "access-control-allow-origin": "https://a.example",
        "access-control-expose-headers": "x-b",
    }


@pytest.mark.parametrize(
    ("credentials", "told"),
    [
        (False, [(b"access-control-allow-origin", b"*")]),
        (
            True,
            [
                (b"access-control-allow-origin", b"https://a.example"),
                (b"vary", b"Origin"),
                (b"access-control-allow-credentials", b"true"),
            ],
        ),
    ],
)
def test_every_origin_may_be_allowed_and_is_named_where_credentials_are(
    told: list[tuple[bytes, bytes]], *, credentials: bool
) -> None:
    everyone = Cors(
        allow_credentials=credentials,
        allow_headers=("*",),
        allow_methods=("*",),
        allow_origins=("*",),
    )
    headers = {name.encode(): value.encode() for name, value in (ORIGIN | PREFLIGHT).items()}
    assert answer_headers(everyone, headers) == told
    assert preflight_headers(everyone, headers) == [
        *told,
        (b"access-control-allow-methods", b"POST" if credentials else b"*"),
        (b"access-control-allow-headers", b"x-a" if credentials else b"*"),
    ]


def test_function_speaks_for_itself_where_nothing_is_configured(emulator: Served) -> None:
    answer = ask(emulator, "open", method="OPTIONS", headers=ORIGIN | PREFLIGHT)
    assert answer.json()["requestContext"]["http"]["method"] == "OPTIONS"
    assert cors(answer) == {}
