"""The protocol rest-json, which Lambda's API speaks. Pure.

Members stand in the path, the query, headers or a JSON body, where the model says. Source: the
Smithy specification, "AWS restJson1 protocol".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.api.asgi import HttpResponse
from emulator.api.services.calls import ServiceError
from emulator.api.services.protocols.errors import error_members, error_status
from emulator.api.services.protocols.json_values import decoded, read, write, write_structure
from emulator.api.services.protocols.timestamps import read_time, write_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator import errors
    from emulator.api.services.request import ApiRequest
    from emulator.api.services.service_model import OperationModel, ServiceModel, Shape

_DATED = re.compile(r"/\d{4}-\d{2}-\d{2}/")
"""The start of each path of Lambda's API: the version in which the operation came."""
_JSON = b"application/json"


class RestJson:
    """Speaks rest-json for one service, whose paths begin with a date."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model

    def takes(self, request: ApiRequest) -> bool:
        if _DATED.match(request.path) is None:
            return False
        signer = request.signer
        signed = signer is not None and signer.service == self.model.name
        return signed or self.operation(request) is not None

    def operation(self, request: ApiRequest) -> OperationModel | None:
        found = self.model.match(request.method, request.path, request.query_string)
        return None if found is None else found.operation

    def arguments(self, request: ApiRequest, operation: OperationModel) -> dict[str, Any]:
        shape = operation.input_shape
        if shape is None:
            return {}
        found = self.model.match(request.method, request.path, request.query_string)
        assert found is not None
        body = _body_members(shape, request)
        arguments = {}
        for name, member in shape.members.items():
            value = _outside_body(member, name, request, found.labels)
            if value is None:
                value = body.get(name)
            if value is not None:
                arguments[name] = value
        return arguments

    def answer(
        self, operation: OperationModel, members: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        status, headers = operation.http.get("responseCode", 200), [_request_id(request_id)]
        shape = operation.output_shape
        if shape is None:
            return HttpResponse(status, _with_length(headers, b"", None), b"")
        inside: dict[str, Any] = {}
        for name, value in members.items():
            member = shape.members[name]
            location = member.serialization.get("location")
            if value is None:
                continue
            if location == "statusCode":
                status = value
            elif location == "header":
                headers.append((_header_name(member, name), _header_value(member, value)))
            else:
                inside[name] = value
        body = _written_body(shape, inside)
        return HttpResponse(status, _with_length(headers, body, _JSON if body else None), body)

    def refuse(self, error: errors.ServiceError, request_id: str) -> HttpResponse:
        body = msgspec.json.encode(error_members(self.model, error))
        headers = [
            _request_id(request_id),
            (b"x-amzn-errortype", error.code.encode()),
            *_stated_headers(error),
        ]
        return HttpResponse(
            error_status(self.model, error), _with_length(headers, body, _JSON), body
        )


# reading


def _body_members(shape: Shape, request: ApiRequest) -> dict[str, Any]:
    payload = shape.serialization.get("payload")
    if payload is None:
        inside = [m for m in shape.members.values() if "location" not in m.serialization]
        return dict(read(shape, decoded(request.body))) if inside else {}
    member = shape.members[payload]
    if member.type_name == "blob":
        return {payload: request.body} if request.body else {}
    return {payload: read(member, decoded(request.body))}


def _outside_body(member: Shape, name: str, request: ApiRequest, labels: dict[str, str]) -> Any:
    key = member.serialization.get("name", name)
    match member.serialization.get("location"):
        case "uri":
            return _of_text(member, labels[key])
        case "querystring":
            return _of_query(member, request.query.get(key, []))
        case "header":
            text = request.headers.get(key.lower())
            return None if text is None else _of_text(member, text)
    return None


def _of_query(member: Shape, values: list[str]) -> Any:
    if not values:
        return None
    if member.type_name == "list":
        return [_of_text(member.member, value) for value in values]
    return _of_text(member, values[0])


def _of_text(shape: Shape, text: str) -> Any:
    try:
        match shape.type_name:
            case "integer" | "long":
                return int(text)
            case "double" | "float":
                return float(text)
            case "boolean":
                return {"true": True, "false": False}[text]
            case "timestamp":
                return read_time(text)
    except (ValueError, KeyError, TypeError) as error:
        sentence = f"{text} can not be converted to {shape.type_name.capitalize()}"
        raise ServiceError("SerializationException", sentence, 400) from error
    return text


# writing


def _written_body(shape: Shape, members: Mapping[str, Any]) -> bytes:
    payload = shape.serialization.get("payload")
    if payload is None:
        inside = [m for m in shape.members.values() if "location" not in m.serialization]
        return msgspec.json.encode(write_structure(shape, members)) if inside or members else b""
    value = members.get(payload)
    if isinstance(value, bytes):
        return value
    return b"" if value is None else msgspec.json.encode(write(shape.members[payload], value))


def _header_name(member: Shape, name: str) -> bytes:
    return str(member.serialization.get("name", name)).lower().encode()


def _header_value(member: Shape, value: Any) -> bytes:
    if member.type_name == "timestamp":
        value = write_time(value, member.serialization.get("timestampFormat", "rfc822"))
    elif isinstance(value, bool):
        value = str(value).lower()
    return str(value).encode()


def _request_id(request_id: str) -> tuple[bytes, bytes]:
    return b"x-amzn-requestid", request_id.encode()


def _stated_headers(error: errors.ServiceError) -> list[tuple[bytes, bytes]]:
    stated = error.headers if isinstance(error, ServiceError) else {}
    return [(name.lower().encode(), value.encode()) for name, value in stated.items()]


def _with_length(
    headers: list[tuple[bytes, bytes]], body: bytes, kind: bytes | None
) -> tuple[tuple[bytes, bytes], ...]:
    if kind is not None:
        headers.append((b"content-type", kind))
    return (*headers, (b"content-length", b"%d" % len(body)))
