"""botocore's requests are read as they were meant, and it reads the answers that are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from botocore import parsers, serialize
from botocore.loaders import Loader
from botocore.model import ServiceModel as BotocoreModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.api.services.limits import Limits
from emulator.api.services.protocols.json_rpc import JsonRpc
from emulator.api.services.protocols.query_xml import QueryXml
from emulator.api.services.protocols.rest_json import RestJson
from emulator.api.services.protocols.rpc_cbor import RpcCbor
from emulator.api.services.request import ApiRequest
from emulator.api.services.service_model import load
from tests.api.services.model_values import valid

if TYPE_CHECKING:
    from emulator.api.services.protocols.interface import WireForm

FORMS: dict[str, tuple[str, WireForm]] = {
    "lambda rest-json": ("rest-json", RestJson(load("lambda"))),
    "logs json": ("json", JsonRpc(load("logs"))),
    "monitoring json": ("json", JsonRpc(load("monitoring"))),
    "monitoring query": ("query", QueryXml(load("monitoring"))),
    "monitoring cbor": ("smithy-rpc-v2-cbor", RpcCbor(load("monitoring"))),
}
NAMES = {"lambda": "lambda", "logs": "logs", "monitoring": "cloudwatch"}
FEW = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
STREAMED = frozenset({"InvokeWithResponseStream", "StartLiveTail", "GetLogObject", "Invoke"})


def cases() -> list[Any]:
    return [
        pytest.param(name, operation, id=f"{name} {operation}")
        for name, (_, form) in FORMS.items()
        for operation in sorted(form.model.operation_names - STREAMED)
    ]


def described(form: WireForm, operation: str) -> Any:
    description = Loader().load_service_model(NAMES[form.model.name], "service-2")
    return BotocoreModel(description, NAMES[form.model.name]).operation_model(operation)


def sent(protocol: str, operation: Any, arguments: dict[str, Any], service: str) -> ApiRequest:
    """Returns the request that botocore makes of arguments."""
    made = serialize.create_serializer(protocol, False).serialize_to_request(arguments, operation)
    path, _, fixed = made["url_path"].partition("?")
    query = made.get("query_string") or {}
    pairs = urlencode(list(query.items()) if isinstance(query, dict) else query, doseq=True)
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    signed = f"AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/{service}/aws4_request, x"
    headers = {"authorization": signed, **{k.lower(): str(v) for k, v in made["headers"].items()}}
    return ApiRequest(
        made["method"],
        path,
        "&".join(part for part in (fixed, pairs) if part),
        [(name.encode(), value.encode()) for name, value in headers.items()],
        body.encode() if isinstance(body, str) else bytes(body or b""),
    )


def kept(value: Any) -> Any:
    """Returns a value without what no wire form tells from nothing: empty lists, maps and texts."""
    match value:
        case dict():
            inner = {name: kept(part) for name, part in value.items()}
            return {name: part for name, part in inner.items() if part not in ({}, [], "", b"")}
        case list():
            return [part for part in map(kept, value) if part not in ({}, [], "", b"")]
    return value


def is_status(name: str, shape: Any) -> bool:
    return bool(shape.members[name].serialization.get("location") == "statusCode")


@pytest.mark.parametrize(("name", "operation"), cases())
def test_request_of_botocore_is_read_as_it_was_meant(name: str, operation: str) -> None:
    protocol, form = FORMS[name]
    model = described(form, operation)
    if model.input_shape is None:
        return

    @FEW
    @given(valid(model.input_shape, Limits()))
    def check(arguments: dict[str, Any]) -> None:
        request = sent(protocol, model, arguments, form.model.name)
        assert form.takes(request)
        found = form.operation(request)
        assert found is not None
        assert found.name == operation
        assert kept(form.arguments(request, found)) == kept(arguments)

    check()


@pytest.mark.parametrize(("name", "operation"), cases())
def test_botocore_reads_the_answer_that_is_written(name: str, operation: str) -> None:
    protocol, form = FORMS[name]
    model = described(form, operation)
    shape = model.output_shape
    members = st.just({}) if shape is None else valid(shape, Limits())

    @FEW
    @given(members)
    def check(answer: dict[str, Any]) -> None:
        answer = {name: part for name, part in answer.items() if not is_status(name, shape)}
        response = form.answer(model, answer, "the-id")
        read = parsers.create_parser(protocol).parse(
            {
                "status_code": response.status,
                "headers": {k.decode(): v.decode("latin-1") for k, v in response.headers},
                "body": response.body,
            },
            shape,
        )
        read.pop("ResponseMetadata", None)
        read = {name: part for name, part in read.items() if not is_status(name, shape)}
        assert dict(response.headers)[b"x-amzn-requestid"] == b"the-id"
        assert kept(read) == kept(answer)

    check()
