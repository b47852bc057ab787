"""Requests that are none, and errors of operations, as SDKs see them in each protocol."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import cbor2
import httpx
import pytest
from botocore.exceptions import ClientError

from emulator.api.services.calls import Call, Registry, ServiceError
from emulator.errors import ResourceNotFoundError
from tests.api.services.conftest import ServedApi, served_api

if TYPE_CHECKING:
    from collections.abc import Iterator


FUNCTIONS = "/2015-03-31/functions"
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/lambda/aws4_request, x"
}
MOST = 70_167_211


async def fail(call: Call) -> dict[str, Any]:
    """Fails as the name of the function says."""
    match call.arguments.get("FunctionName"):
        case "conflict":
            raise ServiceError("ResourceConflictException", "It is there.")
        case "gone":
            raise ResourceNotFoundError("Function not found: gone")
        case "throttled":
            raise ServiceError(
                "TooManyRequestsException",
                "Rate Exceeded.",
                members={"Reason": "CallerRateLimitExceeded"},
                headers={"Retry-After": "2"},
            )
    raise ZeroDivisionError


async def tell(call: Call) -> dict[str, Any]:
    """Answers with what was asked."""
    return {"FunctionName": call.region, "Description": str(call.caller), "Role": call.host}


async def refuse_logs(_: Call) -> dict[str, Any]:
    raise ServiceError("ResourceNotFoundException", "The specified log group does not exist.")


async def refuse_metrics(_: Call) -> dict[str, Any]:
    raise ServiceError("InvalidParameterValueException", "StartTime <must> be before EndTime.")


def registry(_: object) -> Registry:
    served = Registry()
    served.add("lambda", "GetFunction", fail)
    served.add("lambda", "CreateFunction", tell)
    served.add("logs", "DescribeLogStreams", refuse_logs)
    served.add("monitoring", "GetMetricData", refuse_metrics)
    return served


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApi]:
    with served_api(registry=registry, folder=tmp_path_factory.mktemp("state")) as here:
        yield here


def error_of(api: ServedApi, function: str) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        api.client("lambda").get_function(FunctionName=function)
    return refused.value.response


def post(api: ServedApi, path: str, body: bytes, **headers: str) -> httpx.Response:
    return httpx.post(api.url + path, content=body, headers=SIGNED | headers, timeout=30)


# errors of operations


def test_errors_status_is_the_models(api: ServedApi) -> None:
    response = error_of(api, "conflict")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert response["Error"] == {"Code": "ResourceConflictException", "Message": "It is there."}
    assert response["Type"] == "User"


def test_error_of_the_engine_is_answered_as_one_of_the_models(api: ServedApi) -> None:
    response = error_of(api, "gone")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert response["Error"]["Code"] == "ResourceNotFoundException"


def test_members_and_headers_of_an_error_come_along(api: ServedApi) -> None:
    response = error_of(api, "throttled")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Reason"] == "CallerRateLimitExceeded"
    assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "2"


def test_fault_of_the_emulator_is_a_service_exception(api: ServedApi) -> None:
    response = error_of(api, "other")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert response["Error"]["Code"] == "ServiceException"
    assert response["Type"] == "Service"


def test_logs_errors_are_json_with_a_type(api: ServedApi) -> None:
    with pytest.raises(ClientError) as refused:
        api.client("logs").describe_log_streams(logGroupName="a")
    assert refused.value.response["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": "The specified log group does not exist.",
    }
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_metrics_errors_have_the_code_of_the_query_protocol(api: ServedApi) -> None:
    with pytest.raises(ClientError) as refused:
        api.client("cloudwatch").get_metric_data(
            MetricDataQueries=[], StartTime="2026-01-01", EndTime="2026-01-02"
        )
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_older_clients_get_errors_in_xml(api: ServedApi) -> None:
    signature = SIGNED["Authorization"].replace("lambda", "monitoring")
    form = {
        "Action": "GetMetricData",
        "Version": "2010-08-01",
        "StartTime": "2026-01-01T00:00:00Z",
        "EndTime": "2026-01-02T00:00:00Z",
        "MetricDataQueries.member.1.Id": "a",
    }
    answer = httpx.post(api.url + "/", data=form, headers={"Authorization": signature})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/xml"
    assert "<Code>InvalidParameterValue</Code>" in answer.text
    assert "<Message>StartTime &lt;must&gt; be before EndTime.</Message>" in answer.text


# what stands around an operation


def test_call_has_region_caller_and_host_of_the_request(api: ServedApi) -> None:
    client = api.client("lambda", region="eu-central-1", aws_access_key_id="AKIA")
    made = client.create_function(
        FunctionName="a", Role="arn:aws:iam::123456789012:role/a", Code={}
    )
    assert (made["FunctionName"], made["Description"]) == ("eu-central-1", "AKIA")
    assert made["Role"] == api.url.removeprefix("http://")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201


def test_unsigned_request_is_of_the_default_region(api: ServedApi) -> None:
    body = {"FunctionName": "a", "Role": "arn:aws:iam::123456789012:role/a", "Code": {}}
    made = httpx.post(api.url + FUNCTIONS, json=body)
    assert made.json()["FunctionName"] == "us-east-1"


def test_body_may_be_packed(api: ServedApi) -> None:
    body = json.dumps({"FunctionName": "a", "Role": "arn:aws:iam::123456789012:role/a", "Code": {}})
    made = post(api, FUNCTIONS, gzip.compress(body.encode()), **{"Content-Encoding": "gzip"})
    assert made.status_code == 201


# requests that are none


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"{", "InvalidRequestContentException", "Could not parse request body into json:"),
        (b"\xff", "InvalidRequestContentException", "Could not parse request body into json:"),
        (b"[" * 9999, "InvalidRequestContentException", "Could not parse request body into json:"),
        (b"[]", "SerializationException", "Start of list found where not expected"),
        (
            b'{"MemorySize": "128"}',
            "SerializationException",
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            b'{"Handler": 1}',
            "SerializationException",
            "NUMBER_VALUE can not be converted to a String",
        ),
        (b'{"Layers": "a"}', "SerializationException", "Expected list or null"),
        (b'{"Environment": 5}', "SerializationException", "Expected null"),
        (
            b'{"Timeout": {}}',
            "SerializationException",
            "Start of structure or map found where not expected.",
        ),
        (b'{"Timeout": 1e300}', "SerializationException", "NUMBER_VALUE can not be converted"),
        (b'{"Code": {"ZipFile": "?"}}', "SerializationException", "STRING_VALUE can not be"),
    ],
)
def test_body_that_is_none_is_refused(api: ServedApi, body: bytes, code: str, message: str) -> None:
    refused = post(api, FUNCTIONS, body)
    assert refused.status_code == 400
    assert refused.headers["x-amzn-errortype"] == code
    told = refused.json()
    assert (told.get("message") or told["Message"]).startswith(message)
    assert refused.headers["x-amzn-requestid"]


def test_null_is_as_good_as_nothing(api: ServedApi) -> None:
    body = {"FunctionName": "a", "Role": "arn:aws:iam::123456789012:role/a", "Code": {}}
    empty = json.dumps(body | {"Layers": None, "VpcConfig": {"SubnetIds": None}})
    assert post(api, FUNCTIONS, empty.encode()).status_code == 201


def test_unpacked_body_has_a_limit(api: ServedApi) -> None:
    body = gzip.compress(b" " * (MOST + 1))
    refused = post(api, FUNCTIONS, body, **{"Content-Encoding": "gzip"})
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (
        413,
        "RequestEntityTooLargeException",
    )
    assert refused.json()["message"] == (
        f"Request must be smaller than {MOST} bytes for the CreateFunction operation"
    )


def test_body_that_is_no_gzip_is_refused(api: ServedApi) -> None:
    refused = post(api, FUNCTIONS, b"{}", **{"Content-Encoding": "gzip"})
    assert refused.headers["x-amzn-errortype"] == "SerializationException"


def test_path_that_is_no_operation_is_not_found(api: ServedApi) -> None:
    refused = post(api, "/2015-03-31/no-such-thing", b"")
    assert refused.status_code == 404
    assert refused.headers["x-amzn-errortype"] == "UnknownOperationException"


@pytest.mark.parametrize("body", [b"\xff", b"\x81" * 500, b"\xa1\x01", b"\x01", b"\x9f" * 50])
def test_cbor_that_is_none_is_refused(api: ServedApi, body: bytes) -> None:
    path = "/service/GraniteServiceVersion20100801/operation/GetMetricData"
    refused = httpx.post(api.url + path, content=body, headers={"smithy-protocol": "rpc-v2-cbor"})
    assert refused.status_code == 400
    assert cbor2.loads(refused.content)["__type"] == "SerializationException"


@pytest.mark.parametrize(
    ("service", "call", "named"),
    [
        ("lambda-core", "list_runtimes", "ListRuntimes is not emulated: customer-managed runtimes"),
        ("lambda-microvms", "list_microvms", "ListMicrovms is not emulated: Lambda MicroVMs"),
        ("lambda-web", "list_web_functions", "ListWebFunctions is not emulated: Lambda Web"),
        ("logs", "describe_queries", "DescribeQueries is not emulated."),
        ("cloudwatch", "describe_alarms", "DescribeAlarms is not emulated."),
        ("lambda", "list_layers", "ListLayers is not emulated."),
    ],
)
def test_operation_that_is_left_out_names_itself(
    api: ServedApi, service: str, call: str, named: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(api.client(service), call)()
    response = refused.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert response["Error"]["Message"].startswith(named)
