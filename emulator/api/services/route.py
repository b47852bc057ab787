"""Serves AWS's APIs: finds the operation of a request, checks it, runs it, answers.

An operation that nobody serves answers 501 and names itself.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from emulator.api.asgi import read_body, send_response
from emulator.api.services.calls import Call, ServiceError
from emulator.api.services.checks import refusal
from emulator.api.services.limits import limits
from emulator.api.services.protocols.rest_json import RestJson
from emulator.api.services.request import ApiRequest
from emulator.api.services.service_model import load
from emulator.errors import ServiceError as AnyServiceError
from emulator.live.request_id import new_request_id
from emulator.live.sandbox.environment import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.api.asgi import HttpResponse
    from emulator.api.services.calls import Registry
    from emulator.api.services.protocols.interface import WireForm
    from emulator.api.services.service_model import OperationModel
    from emulator.core.profile import Profile

log = logging.getLogger(__name__)

_MOST_BYTES = 70_167_211
"""Bytes of a request's body: a zip of 50 MB in base64, and its JSON. Source: AWS's sentence."""


class ServicesRoute:
    """Takes the requests for operations of the services in the registry."""

    def __init__(
        self,
        registry: Registry,
        profile: Profile,
        *,
        account: str = ACCOUNT_ID,
        region: str = REGION,
    ) -> None:
        """Takes the account and the region of requests that do not name their own."""
        self._registry = registry
        self._limits = limits(profile)
        self._account = account
        self._region = region
        self._forms: tuple[WireForm, ...] = (RestJson(load("lambda")),)

    def match(self, scope: Scope) -> ASGIApp | None:
        head = ApiRequest.of(scope)
        form = next((form for form in self._forms if form.takes(head)), None)
        return None if form is None else partial(self._serve, form)

    async def _serve(self, form: WireForm, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_request_id()
        try:
            body = await read_body(receive, _MOST_BYTES)
            response = await self._answer(form, ApiRequest.of(scope, body), request_id)
        except AnyServiceError as error:
            response = form.refuse(error, request_id)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            fault = ServiceError("ServiceException", "The emulator failed; its log says why.", 500)
            response = form.refuse(fault, request_id)
        await send_response(send, response)

    async def _answer(self, form: WireForm, request: ApiRequest, request_id: str) -> HttpResponse:
        operation = form.operation(request)
        if operation is None:
            raise ServiceError("UnknownOperationException", "", 404)
        function = self._registry.find(form.model.name, operation.name)
        if function is None:
            sentence = f"{operation.name} is not emulated."
            raise ServiceError("NotImplementedException", sentence, 501)
        arguments = form.arguments(request, operation)
        if sentence := refusal(operation.input_shape, arguments, self._limits):
            raise ServiceError("ValidationException", sentence, 400)
        call = self._call(form, request, operation, arguments, request_id)
        return form.answer(operation, await function(call), request_id)

    def _call(
        self,
        form: WireForm,
        request: ApiRequest,
        operation: OperationModel,
        arguments: Mapping[str, Any],
        request_id: str,
    ) -> Call:
        signer = request.signer
        return Call(
            service=form.model.name,
            operation=operation.name,
            arguments=arguments,
            region=self._region if signer is None else signer.region,
            account=self._account,
            caller=None if signer is None else signer.access_key,
            request_id=request_id,
            host=request.headers.get("host", ""),
            headers=request.headers,
        )
