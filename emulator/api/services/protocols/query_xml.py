"""Reads and writes the query protocol: members in a form, answers in XML. Pure.

Older clients of CloudWatch speak it. Source: the Smithy specification, "AWS Query protocol".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from emulator.api.services.protocols.errors import error_status
from emulator.api.services.protocols.query_errors import at_fault, query_code
from emulator.api.services.protocols.query_forms import read_form
from emulator.api.services.protocols.responses import response, stated_headers
from emulator.api.services.protocols.texts import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator import errors
    from emulator.api.asgi import HttpResponse
    from emulator.api.services.request import ApiRequest
    from emulator.api.services.service_model import OperationModel, ServiceModel, Shape

_XML = b"text/xml"
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 100_000
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document can have."""


class QueryXml:
    """Speaks the query protocol for one service; its requests must be signed, to be told."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._namespace = model.metadata["xmlNamespace"]

    def takes(self, request: ApiRequest) -> bool:
        signer = request.signer
        if signer is None or signer.service != self.model.name or request.path != "/":
            return False
        is_form = request.headers.get("content-type", "").startswith(_FORM)
        return is_form or "Action" in request.query

    def operation(self, request: ApiRequest) -> OperationModel | None:
        return self.model.operation(_fields(request).get("Action", ""))

    def arguments(self, request: ApiRequest, operation: OperationModel) -> dict[str, Any]:
        shape = operation.input_shape
        return {} if shape is None else read_form(shape, _fields(request))

    def answer(
        self, operation: OperationModel, members: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        name, shape = operation.name, operation.output_shape
        result = ""
        if shape is not None:
            wrapper = shape.serialization.get("resultWrapper", f"{name}Result")
            result = _tag(wrapper, "".join(_members(shape, members)))
        body = f"{result}<ResponseMetadata>{_tag('RequestId', request_id)}</ResponseMetadata>"
        return response(200, self._document(f"{name}Response", body), _XML, request_id)

    def refuse(self, error: errors.ServiceError, request_id: str) -> HttpResponse:
        parts = {
            "Type": at_fault(self.model, error),
            "Code": query_code(self.model, error),
            "Message": str(error),
        }
        inner = _tag("Error", "".join(_tag(name, _text(part)) for name, part in parts.items()))
        body = self._document("ErrorResponse", inner + _tag("RequestId", request_id))
        status = error_status(self.model, error)
        return response(status, body, _XML, request_id, stated_headers(error))

    def _document(self, name: str, content: str) -> bytes:
        return f'<{name} xmlns="{self._namespace}">{content}</{name}>'.encode()


def _fields(request: ApiRequest) -> dict[str, str]:
    text = request.body.decode("latin-1") if request.body else request.query_string
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:  # too many
        return {}
    return dict(pairs)


# writing


def _members(shape: Shape, members: Mapping[str, Any]) -> Iterator[str]:
    for name, value in members.items():
        member = shape.members[name]
        if value is not None:
            yield from _elements(member, member.serialization.get("name", name), value)


def _elements(shape: Shape, name: str, value: Any) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            yield _tag(name, "".join(_members(shape, value)))
        case "list":
            inner = shape.member.serialization.get("name", "member")
            flat = shape.serialization.get("flattened", False)
            parts = [
                part
                for element in value
                for part in _elements(shape.member, name if flat else inner, element)
            ]
            yield "".join(parts) if flat else _tag(name, "".join(parts))
        case "map":
            entries = (_entry(shape, key, element) for key, element in value.items())
            yield _tag(name, "".join(entries))
        case _:
            yield _tag(name, _text(write_text(shape, value, "iso8601")))


def _entry(shape: Shape, key: str, value: Any) -> str:
    inner = "".join(_elements(shape.value, shape.value.serialization.get("name", "value"), value))
    name = shape.key.serialization.get("name", "key")
    return _tag("entry", _tag(name, _text(key)) + inner)


def _tag(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


def _text(value: str) -> str:
    return escape(_NO_XML.sub("\ufffd", value))
