"""Invoke, through boto3."""

from __future__ import annotations

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from emulator.core.policy import SchedulerSettings
from emulator.core.tenancy import NO_TENANT_WANTED, TENANT_WANTED
from tests.api.conftest import RESPONSE_LIMIT, Served, served

if TYPE_CHECKING:
    from pathlib import Path

BOUND = 60.0
"""Seconds that any one wait may take."""


def invoke(here: Served, function: str, payload: bytes | None = b"{}", **more: Any) -> Any:
    if payload is not None:
        more["Payload"] = payload
    return here.client.invoke(FunctionName=function, **more)


def refusal(here: Served, function: str, **more: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        invoke(here, function, **more)
    return refused.value.response


def test_answer_and_version_come_back(emulator: Served) -> None:
    response = invoke(emulator, "echo", b'{"a": [1, 2]}')
    assert response["StatusCode"] == 200
    assert response["ExecutedVersion"] == "$LATEST"
    assert json.load(response["Payload"]) == {"a": [1, 2]}
    assert "FunctionError" not in response


def test_no_payload_is_an_empty_object(emulator: Served) -> None:
    assert json.load(invoke(emulator, "echo", None)["Payload"]) == {}


@pytest.mark.parametrize(
    "name",
    [
        "echo:$LATEST",
        "arn:aws:lambda:us-east-1:123456789012:function:echo",
        "123456789012:function:echo",
        "arn:aws:lambda:us-east-1:123456789012:function:echo:$LATEST",
    ],
)
def test_function_may_be_named_by_arn_and_qualifier(emulator: Served, name: str) -> None:
    assert json.load(invoke(emulator, name, b"5")["Payload"]) == 5


def test_qualifier_parameter_is_honoured(emulator: Served) -> None:
    assert invoke(emulator, "echo", Qualifier="$LATEST")["StatusCode"] == 200
    assert refusal(emulator, "echo", Qualifier="7")["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": "Function not found: arn:aws:lambda:us-east-1:123456789012:function:echo:7",
    }


def test_headers_tell_cold_from_warm_and_name_request_and_sandbox(emulator: Served) -> None:
    invoke(emulator, "echo")
    headers = invoke(emulator, "echo")["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-testbed-start"] == "warm"
    assert headers["x-testbed-request-id"] == headers["x-amzn-requestid"]
    assert int(headers["x-testbed-sandbox"]) > 0


def test_handler_error_is_a_success_with_a_function_error(emulator: Served) -> None:
    response = invoke(emulator, "fail")
    assert (response["StatusCode"], response["FunctionError"]) == (200, "Unhandled")
    assert json.load(response["Payload"]) == {"errorType": "ValueError", "errorMessage": "no luck"}


def test_exit_is_a_function_error_in_awss_words(emulator: Served) -> None:
    response = invoke(emulator, "leave", b"7")
    request_id = response["ResponseMetadata"]["RequestId"]
    assert json.load(response["Payload"]) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: exit status 7",
    }


def test_timeout_is_a_function_error_in_awss_words(emulator: Served) -> None:
    response = invoke(emulator, "late")
    request_id = response["ResponseMetadata"]["RequestId"]
    assert json.load(response["Payload"]) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }


def test_response_above_the_limit_is_a_function_error(emulator: Served) -> None:
    response = invoke(emulator, "large", b"%d" % RESPONSE_LIMIT)
    assert response["FunctionError"] == "Unhandled"
    assert json.load(response["Payload"])["errorType"] == "Function.ResponseSizeTooLarge"
    most = RESPONSE_LIMIT - len('""')
    assert len(json.load(invoke(emulator, "large", b"%d" % most)["Payload"])) == most


@pytest.mark.parametrize("tenant", ["blue", "a.b_c:d/e=f+g-h@i j", "x" * 256])
def test_tenant_reaches_the_runtime(emulator: Served, tenant: str) -> None:
    answers = [invoke(emulator, "isolated", TenantId=tenant) for _ in range(2)]
    assert [json.load(answer["Payload"]) for answer in answers] == [tenant, tenant]
    headers = [answer["ResponseMetadata"]["HTTPHeaders"] for answer in answers]
    assert [each["x-testbed-start"] for each in headers] == ["cold", "warm"]


@pytest.mark.parametrize("kind", ["RequestResponse", "DryRun"])
@pytest.mark.parametrize(
    ("function", "tenant", "words"),
    [
        ("isolated", {}, TENANT_WANTED),
        ("echo", {"TenantId": "blue"}, NO_TENANT_WANTED),
    ],
)
def test_request_without_its_tenant_or_with_one_in_vain_is_refused(
    emulator: Served, kind: str, function: str, tenant: dict[str, str], words: str
) -> None:
    refused = refusal(emulator, function, InvocationType=kind, **tenant)
    assert refused["Error"] == {"Code": "InvalidParameterValueException", "Message": words}
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("tenant", "rule"),
    [
        ("blue!", r"satisfy regular expression pattern: [a-zA-Z0-9\._:\/=+\-@ ]+"),
        ("x" * 257, "have length less than or equal to 256"),
    ],
)
def test_tenant_that_cannot_be_is_refused(emulator: Served, tenant: str, rule: str) -> None:
    assert refusal(emulator, "isolated", TenantId=tenant)["Error"] == {
        "Code": "ValidationException",
        "Message": f"1 validation error detected: Value '{tenant}' at 'tenantId' failed to satisfy "
        f"constraint: Member must {rule}",
    }


def test_client_context_reaches_the_runtime_decoded(emulator: Served) -> None:
    context = base64.b64encode(b'{"custom": {"a": "\xc3\xbc"}}').decode()
    response = invoke(emulator, "echo", ClientContext=context)
    assert json.load(response["Payload"]) == {"custom": {"a": "ü"}}


@pytest.mark.parametrize("context", ["{}", base64.b64encode(b"nope").decode()])
def test_client_context_that_is_none_is_refused(emulator: Served, context: str) -> None:
    refused = refusal(emulator, "echo", ClientContext=context)
    assert refused["Error"]["Code"] == "InvalidRequestContentException"


def test_client_context_that_is_nested_deeply_is_refused(emulator: Served) -> None:
    context = base64.b64encode(b"[" * 1300 + b"]" * 1300).decode()
    assert len(context) <= 3583
    refused = refusal(emulator, "echo", ClientContext=context)
    assert refused["Error"]["Code"] == "InvalidRequestContentException"


def test_client_context_has_no_more_than_3583_bytes(emulator: Served) -> None:
    most = base64.b64encode(b'"%b"' % (b"x" * 2683)).decode()
    assert len(most) == 3580
    assert json.load(invoke(emulator, "echo", ClientContext=most)["Payload"]) == "x" * 2683
    more = base64.b64encode(b'"%b"' % (b"x" * 2686)).decode()
    assert refusal(emulator, "echo", ClientContext=more)["Error"] == {
        "Code": "ValidationException",
        "Message": f"1 validation error detected: Value '{more}' at 'clientContext' failed to "
        "satisfy constraint: Member must have length less than or equal to 3583",
    }


def test_client_context_on_several_lines_reaches_the_runtime(emulator: Served) -> None:
    context = base64.b64encode(b'{\n  "a": [1,\r\n 2]\n}').decode()
    response = invoke(emulator, "echo", ClientContext=context)
    assert json.load(response["Payload"]) == {"a": [1, 2]}


def test_tail_of_the_log_comes_in_base64(emulator: Served) -> None:
    response = invoke(emulator, "say", b"7", LogType="Tail")
    request_id = response["ResponseMetadata"]["RequestId"]
    first, said, end, report = base64.b64decode(response["LogResult"]).decode().splitlines()
    assert first == f"START RequestId: {request_id} Version: $LATEST"
    assert (said, end) == ("said 7", f"END RequestId: {request_id}")
    assert report.startswith(f"REPORT RequestId: {request_id}\tDuration: ")


def test_tail_has_no_more_than_4_kb(emulator: Served) -> None:
    response = invoke(emulator, "say", b'"%b"' % (b"x" * 5000), LogType="Tail")
    log = base64.b64decode(response["LogResult"])
    assert len(log) == 4096
    assert b"REPORT RequestId: " in log


def test_log_comes_with_a_function_error_too(emulator: Served) -> None:
    response = invoke(emulator, "fail", LogType="Tail")
    assert response["FunctionError"] == "Unhandled"
    assert b"REPORT RequestId: " in base64.b64decode(response["LogResult"])


@pytest.mark.parametrize("more", [{}, {"LogType": "None"}])
def test_log_comes_to_who_asked_for_it_alone(emulator: Served, more: dict[str, str]) -> None:
    assert "LogResult" not in invoke(emulator, "say", b"{}", **more)


@pytest.mark.parametrize(
    ("option", "member", "values"),
    [
        ("LogType", "logType", "[None, Tail]"),
        ("InvocationType", "invocationType", "[Event, RequestResponse, DryRun]"),
    ],
)
def test_option_that_has_no_such_value_is_refused_in_awss_words(
    emulator: Served, option: str, member: str, values: str
) -> None:
    assert refusal(emulator, "echo", **{option: "tail"})["Error"] == {
        "Code": "ValidationException",
        "Message": f"1 validation error detected: Value 'tail' at '{member}' failed to satisfy "
        f"constraint: Member must satisfy enum value set: {values}",
    }


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
            r"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        ),
        (
            "Root=1-5759e988-bd862e3fe1be46a994272793",
            r"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=[0-9a-f]{16};Sampled=0",
        ),
        (None, r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0"),
    ],
)
def test_runtime_gets_the_clients_trace_or_a_new_one(
    emulator: Served, sent: str | None, seen: str
) -> None:
    path = "/2015-03-31/functions/stream/invocations"
    headers = {"x-amzn-trace-id": sent} if sent is not None else {}
    answer = httpx.post(emulator.url + path, json={"then": "trace"}, headers=headers)
    assert re.fullmatch(seen + r";Lineage=1:[0-9a-f]{8}:0", answer.text)


def test_dry_run_checks_and_runs_nothing(emulator: Served) -> None:
    assert invoke(emulator, "echo", InvocationType="DryRun")["StatusCode"] == 204
    missing = refusal(emulator, "nobody", InvocationType="DryRun")
    assert missing["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.parametrize("payload", [b"{", b"nope", b'{"a": NaN}', b'"\xff"', b"{} {}"])
def test_payload_that_is_no_json_is_refused(emulator: Served, payload: bytes) -> None:
    refused = refusal(emulator, "echo", payload=payload)
    assert refused["Error"]["Code"] == "InvalidRequestContentException"
    assert refused["Error"]["Message"].startswith("Could not parse request body into json: ")


@pytest.mark.parametrize("opened", [b"[", b'{"a":'], ids=["list", "object"])
@pytest.mark.parametrize("depth", [1001, 300_000])
def test_payload_that_is_nested_deeply_is_refused(
    emulator: Served, opened: bytes, depth: int, caplog: pytest.LogCaptureFixture
) -> None:
    closed = b"]" if opened == b"[" else b"}"
    refused = refusal(emulator, "echo", payload=opened * depth + b"1" + closed * depth)
    assert refused["Error"]["Code"] == "InvalidRequestContentException"
    assert refused["Error"]["Message"].startswith("Could not parse request body into json: ")
    assert not caplog.records


@pytest.mark.parametrize(
    "payload",
    [b'"\\ud800"', b'{"\\uDFFF": "\\\\ud800 \\ud83d\\ude00"}', b'["\\ud800\\ud800", "\xc3\xbc"]'],
    ids=["value", "key", "pair of two firsts"],
)
def test_lone_surrogate_is_passed_on_as_it_stands(emulator: Served, payload: bytes) -> None:
    assert json.load(invoke(emulator, "echo", payload)["Payload"]) == json.loads(payload)
    assert emulator.payloads[-1] == payload


@pytest.mark.parametrize("payload", [b'"\\ud80"', b'"\\ud800', b'["\\ud800", nope]', b"\\ud800"])
def test_lone_surrogate_excuses_nothing_else(emulator: Served, payload: bytes) -> None:
    refused = refusal(emulator, "echo", payload=payload)
    assert refused["Error"]["Code"] == "InvalidRequestContentException"


def test_payload_above_the_limit_is_refused(emulator: Served) -> None:
    refused = refusal(emulator, "echo", payload=b'"%b"' % (b"x" * 6_291_456))
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert refused["Error"] == {
        "Code": "RequestTooLargeException",
        "Message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    }


def test_unknown_function_is_not_found(emulator: Served) -> None:
    assert refusal(emulator, "nobody")["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody",
    }


def test_name_that_cannot_be_one_is_refused_with_the_constraint(emulator: Served) -> None:
    path = "/2015-03-31/functions/a%20b/invocations"
    answer = httpx.post(emulator.url + path, content=b"{}")
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "InvalidParameterValueException"
    assert "at 'functionName' failed to satisfy constraint" in answer.json()["message"]


@pytest.mark.parametrize("path", ["ech%6F", "echo%3A$LATEST"])
def test_name_is_percent_decoded(emulator: Served, path: str) -> None:
    answer = httpx.post(f"{emulator.url}/2015-03-31/functions/{path}/invocations", content=b"5")
    assert answer.json() == 5


@pytest.mark.parametrize("path", ["ech%256F", "echo%253A$LATEST"])
def test_name_is_percent_decoded_once(emulator: Served, path: str) -> None:
    answer = httpx.post(f"{emulator.url}/2015-03-31/functions/{path}/invocations", content=b"5")
    assert answer.headers["x-amzn-errortype"] == "InvalidParameterValueException"


def test_more_requests_than_the_account_may_have_are_throttled(tmp_path: Path) -> None:
    with (
        served(tmp_path, SchedulerSettings(account_concurrency=2)) as here,
        ThreadPoolExecutor(6) as pool,
    ):
        calls = [pool.submit(invoke, here, "stream", b'{"then": "wait"}') for _ in range(6)]
        ended = as_completed(calls, timeout=BOUND)
        refused = [next(ended).exception() for _ in range(4)]
        here.gate.set()
    assert [call.exception() for call in calls].count(None) == 2
    for error in refused:
        assert isinstance(error, ClientError)
        assert error.response["Error"]["Code"] == "TooManyRequestsException"
        assert error.response["Reason"] == "ConcurrentInvocationLimitExceeded"
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
