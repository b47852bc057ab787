"""Serves AWS's APIs: finds the operation of a request, checks it, runs it, answers.

An operation that nobody serves answers 501 and names itself.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Protocol

from starlette.responses import StreamingResponse

from emulator.api.asgi import ClientLeftError, send_response
from emulator.api.services.bodies import whole_body
from emulator.api.services.calls import Call, ServiceError
from emulator.api.services.checks import refusal
from emulator.api.services.limits import limits
from emulator.api.services.request import ApiRequest
from emulator.api.services.streamed import streamed_answer
from emulator.api.services.unserved import no_operation, not_emulated
from emulator.api.services.wire_forms import WireForms
from emulator.core.function_names import account_of
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


class Gatekeeper(Protocol):
    """Says who may call what."""

    async def identify(
        self, service_name: str, scope: Scope, receive: Receive
    ) -> tuple[Scope, Receive]:
        """Returns the request with what is known of its sender, and its body to be read.

        Raises:
            ServiceError: the signature is missing or wrong.
        """

    async def admit(self, scope: Scope, call: Call) -> Call:
        """Returns the call of such a request, with its caller's account.

        Raises:
            ServiceError: the caller has no right.
        """


class ServicesRoute:
    """Takes requests for the services in the registry, and for those that are signed as Lambda."""

    def __init__(
        self,
        registry: Registry,
        profile: Profile,
        *,
        account: str = ACCOUNT_ID,
        region: str = REGION,
        gatekeeper: Gatekeeper | None = None,
    ) -> None:
        """Takes the account and the region of requests that do not name their own."""
        self._registry = registry
        self._limits = limits(profile)
        self._account = account
        self._region = region
        self._gatekeeper = gatekeeper
        self._forms = WireForms(registry.services)

    def match(self, scope: Scope) -> ASGIApp | None:
        if not self._forms.may_be_for(scope["path"]):
            return None
        form = self._forms.of(ApiRequest.of(scope))
        return None if form is None else partial(self._serve, form)

    async def _serve(self, form: WireForm, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_request_id()
        try:
            response = await self._answer(form, scope, receive, request_id)
        except AnyServiceError as error:
            response = form.refuse(error, request_id)
        except ClientLeftError:
            raise
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            fault = ServiceError("ServiceException", "The emulator failed; its log says why.", 500)
            response = form.refuse(fault, request_id)
        if isinstance(response, StreamingResponse):
            await response(scope, receive, send)
        else:
            await send_response(send, response)

    async def _answer(
        self, form: WireForm, scope: Scope, receive: Receive, request_id: str
    ) -> HttpResponse | StreamingResponse:
        if self._gatekeeper is not None:
            scope, receive = await self._gatekeeper.identify(form.model.name, scope, receive)
        head = ApiRequest.of(scope)
        named = form.operation(head)
        encoding = head.headers.get("content-encoding", "")
        body = await whole_body(receive, "" if named is None else named.name, encoding)
        request = ApiRequest.of(scope, body)
        operation = named or form.operation(request)  # of a form, which stands in the body
        if operation is None:
            raise no_operation()
        function = self._registry.find(form.model.name, operation.name)
        if function is None:
            raise not_emulated(operation.name)
        arguments = form.arguments(request, operation)
        call = self._call(form, request, operation, arguments, request_id)
        if self._gatekeeper is not None:
            call = await self._gatekeeper.admit(scope, call)
        if sentence := refusal(operation.input_shape, arguments, self._limits):
            raise ServiceError(form.model.refusal, sentence, 400)
        members = await function(call)
        streamed = streamed_answer(operation, members, request_id)
        return streamed or form.answer(operation, members, request_id)

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
            account=account_of(None if signer is None else signer.access_key, self._account),
            caller=None if signer is None else signer.access_key,
            request_id=request_id,
            host=request.headers.get("host", ""),
            headers=request.headers,
        )
