"""Stands before the APIs that the emulator serves itself, under `--auth strict`.

Reads a request's body, since a signature covers it, and hands both on; knows which rights a call
needs (`rights`), and where a resource's own policy and tags are.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs

from emulator.api.asgi import read_body, respond, send_error
from emulator.api.auth.context import tag_context
from emulator.api.auth.directory import Identity, believed
from emulator.api.auth.guard import ACCESS_DENIED, hash_of
from emulator.api.auth.patterns import account_of, region_of
from emulator.api.auth.principals import service
from emulator.api.auth.rights import INVOKE, INVOKE_URL, LAMBDA, PASS_ROLE, rights
from emulator.api.auth.signature import same
from emulator.api.services.bodies import MOST_BYTES
from emulator.api.services.calls import Call, ServiceError
from emulator.api.services.request import ApiRequest
from emulator.core.function_url import UrlAuth
from emulator.core.profile import Feature
from emulator.errors import ServiceError as AnyServiceError
from emulator.live.companion.acting import ACTING, RIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from emulator.api.app import Route
    from emulator.api.auth.context import Values
    from emulator.api.auth.guard import Guard
    from emulator.api.invoke.invocation_route import InvocationRoute
    from emulator.core.profile import Profile

_IDENTITY = "testbed.identity"
_EVENT = "testbed.event-source"
_INTERNAL = b"x-testbed-internal"
_SOURCE = b"x-testbed-source"
_SOURCE_ARN = b"x-testbed-source-arn"
_ACTING = ACTING.lower().encode()
_SOURCE_ROLE = b"x-testbed-source-role"
_VERIFIED_UNDER_LAMBDA = frozenset({"lambda", "lambda-core", "lambda-microvms", "lambda-web"})
_NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."


class Resources(Protocol):
    """Tells of a function or layer what its owner has said of it."""

    def policy(self, arn: str) -> str | None:
        """Returns the document of the resource's own policy, qualified or not; None for none."""

    def tags(self, arn: str) -> Mapping[str, str]:
        """Returns the tags of the resource, which are the function's for its versions."""


class Gatekeeper:
    """Admits the calls that their callers have the right to."""

    def __init__(self, guard: Guard, resources: Resources, companion_secret: str) -> None:
        """Takes the secret that the companion's services show when they invoke a function."""
        self._guard = guard
        self._resources = resources
        self._companion_secret = companion_secret

    async def identify(
        self, service_name: str, scope: Scope, receive: Receive
    ) -> tuple[Scope, Receive]:
        """Verifies who sent a request; returns the request with its body to be read once more.

        Raises:
            ServiceError: the request is not signed, or not rightly, or too large.
            ClientLeftError: its body was cut short.
        """
        name = "lambda" if service_name in _VERIFIED_UNDER_LAMBDA else service_name
        if (secret := header(scope, _INTERNAL)) and same(self._companion_secret, secret):
            return await self._of_companion(scope, receive)
        receive, identity = await self._identified(name, scope, receive, MOST_BYTES)
        extensions = {**scope.get("extensions", {}), _IDENTITY: identity}
        return {**scope, "extensions": extensions}, receive

    async def _of_companion(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        """Returns a request of the companion's: it invokes as the service or role that it names.

        CloudFormation makes what a template says as its caller, whom it names by an access key.

        Raises:
            ServiceError: nobody has the key any more.
        """
        if role := header(scope, _SOURCE_ROLE):
            identity = await self._guard.session_of(role, header(scope, _SOURCE))
        elif source := header(scope, _SOURCE):
            identity = Identity("", service(f"{source}.amazonaws.com"))
        elif key := header(scope, _ACTING):
            identity = await self._guard.holder_of(key)
        else:
            identity = self._guard.root_of(_account(scope))
        known = {_IDENTITY: identity, _EVENT: header(scope, _SOURCE_ARN)}
        return {**scope, "extensions": {**scope.get("extensions", {}), **known}}, receive

    async def judge(self, scope: Scope, receive: Receive) -> None:
        """Checks the rights about which the companion asks, for the one it acts for.

        The body is `{"region", "rights": [[action, resource, service a role is passed to]]}`.

        Raises:
            ServiceError: one of the rights is missing, or it is not the companion who asks.
        """
        if not same(self._companion_secret, header(scope, _INTERNAL)):
            raise ServiceError(ACCESS_DENIED, "Only the companion asks here.", 403)
        scope, receive = await self._of_companion(scope, receive)
        identity: Identity = scope["extensions"][_IDENTITY]
        asked = json.loads(await read_body(receive, MOST_BYTES))
        context = self._guard.context(scope, asked["region"], identity)
        for action, resource, passed_to in asked["rights"]:
            told = {"iam:passedtoservice": (passed_to,)} if passed_to else {}
            account = account_of(resource) or identity.caller.account
            try:
                self._guard.authorize(
                    identity, action, resource, account=account, context=context | told
                )
            except ServiceError as error:
                raise ServiceError(error.code, f"API: {action} {error}", 403) from error

    async def admit(self, scope: Scope, call: Call) -> Call:
        """Checks every right that a call needs; returns the call in its caller's account.

        Raises:
            ServiceError: the caller lacks a right, or Lambda one to the function's role.
        """
        identity: Identity = scope["extensions"][_IDENTITY]
        own = replace(call, account=identity.caller.account or self._guard.account)
        context = self._guard.context(scope, call.region, identity)
        if arn := scope["extensions"].get(_EVENT):
            context["aws:sourcearn"] = (arn,)
            # a bucket's ARN names no account
            context["aws:sourceaccount"] = (account_of(arn) or own.account,)
        for right in rights(own):
            self._check(identity, right.action, right.resource, context | right.context, own)
            if right.action == PASS_ROLE:
                await self._check_trust(right.resource)
        return own

    async def admit_to_url(
        self, scope: Scope, receive: Receive, arn: str, auth: UrlAuth, profile: Profile
    ) -> tuple[Receive, Identity | None]:
        """Checks the rights to invoke a function, a version or alias (`arn`) by its URL.

        Returns the body, to be read once more, and the caller; None for a caller who needs no name.

        Since October 2025 the right to invoke the function is needed beside the one to its URL.
        Source: the developer guide, "Control access to Lambda function URLs".

        Raises:
            ServiceError: the request is not signed rightly, or the caller lacks a right.
        """
        identity = None
        if auth is not UrlAuth.NONE:
            receive, identity = await self._identified(
                "lambda", scope, receive, profile.request_limit
            )
        context = self._guard.context(scope, region_of(arn), identity)
        context["lambda:functionurlauthtype"] = (auth.value,)
        context["lambda:invokedviafunctionurl"] = ("true",)
        self._check_resource(identity, INVOKE_URL, arn, context)
        if profile.has(Feature.URL_NEEDS_INVOKE):
            self._check_resource(identity, INVOKE, arn, context)
        return receive, identity

    async def admit_to_api(
        self, scope: Scope, receive: Receive, limit: int, arn: str
    ) -> tuple[Receive, Identity]:
        """Checks the right to call a route of API Gateway's that has the authorizer AWS_IAM.

        `arn` is `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`, `limit` the most bytes
        of a body. Returns the body, to be read once more, and the caller.

        Raises:
            ServiceError: the request is not signed rightly, or the caller lacks the right.
            RequestTooLargeError: the body is larger.
        """
        receive, identity = await self._identified("execute-api", scope, receive, limit)
        region, account = region_of(arn), account_of(arn)
        context = self._guard.context(scope, region, identity)
        self._guard.authorize(identity, "execute-api:Invoke", arn, account=account, context=context)
        return receive, identity

    async def _identified(
        self, service_name: str, scope: Scope, receive: Receive, limit: int
    ) -> tuple[Receive, Identity]:
        body = await read_body(receive, limit)
        identity = await self._guard.authenticate(scope, hash_of(body), (service_name,))
        return replayed(body, receive), identity

    def _check(
        self, identity: Identity, action: str, resource: str, context: Values, call: Call
    ) -> None:
        if resource == "*":
            self._guard.authorize(identity, action, "*", account=call.account, context=context)
        else:
            self._check_resource(identity, action, resource, context)

    def _check_resource(
        self, identity: Identity | None, action: str, arn: str, context: Values
    ) -> None:
        account = account_of(arn) or self._guard.account
        policy = None
        if action.startswith("lambda:"):
            document = self._resources.policy(arn)
            policy = None if document is None else believed(document)
            context = context | tag_context("aws:ResourceTag", self._resources.tags(arn))
        self._guard.authorize(
            identity, action, arn, account=account, context=context, resource_policy=policy
        )

    async def _check_trust(self, arn: str) -> None:
        """Checks that Lambda may assume a role.

        Raises:
            ServiceError: the role is not there, or does not trust Lambda.
        """
        role = await self._guard.role(arn)
        if role is None or not self._guard.trusts(role, service(LAMBDA)):
            raise ServiceError("InvalidParameterValueException", _NOT_ASSUMABLE, 400)


class GuardedInvocation:
    """Stands before a plain route of an Invoke operation."""

    def __init__(self, route: InvocationRoute, gatekeeper: Gatekeeper) -> None:
        self._route = route
        self._gatekeeper = gatekeeper

    def match(self, scope: Scope) -> ASGIApp | None:
        answer = self._route.match(scope)
        return None if answer is None else partial(self._pass, answer)

    async def _pass(self, answer: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            scope, receive = await self._gatekeeper.identify("lambda", scope, receive)
            await self._gatekeeper.admit(scope, self._call(scope))
        except AnyServiceError as error:
            await send_error(send, error)
            return
        await answer(scope, receive, send)

    def _call(self, scope: Scope) -> Call:
        request = ApiRequest.of(scope)
        name = scope["path"][len(self._route.prefix) : -len(self._route.suffix)]
        arguments = {"FunctionName": name}
        qualifier = parse_qs(request.query_string).get("Qualifier")
        if qualifier:
            arguments["Qualifier"] = qualifier[0]
        signer = request.signer
        return Call(
            service="lambda",
            operation="Invoke",
            arguments=arguments,
            region=region_of(name) if signer is None else signer.region,
            account="",
            caller=None if signer is None else signer.access_key,
            request_id="",
            host=request.headers.get("host", ""),
        )


class RightsRoute:
    """Tells the companion whether the one it acts for has the rights it names."""

    def __init__(self, gatekeeper: Gatekeeper) -> None:
        self._gatekeeper = gatekeeper

    def match(self, scope: Scope) -> ASGIApp | None:
        return self._answer if scope["path"] == RIGHTS else None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._gatekeeper.judge(scope, receive)
        except AnyServiceError as error:
            await send_error(send, error)
            return
        await respond(send, 200, b"{}", [(b"content-type", b"application/json")])


def _account(scope: Scope) -> str:
    """Returns the account that the companion signs for: its access key is the account's id."""
    signer = ApiRequest.of(scope).signer
    return "" if signer is None or not signer.access_key.isdecimal() else signer.access_key


def header(scope: Scope, name: bytes) -> str:
    """Returns a header's value; empty for none."""
    return next((v.decode("latin-1") for k, v in scope["headers"] if k == name), "")


def replayed(body: bytes, receive: Receive) -> Receive:
    """Returns a source of messages that has a whole body first, and then what else comes."""
    unread = True

    async def messages() -> Message:
        nonlocal unread
        if unread:
            unread = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return messages


def guarded(route: InvocationRoute, gatekeeper: Gatekeeper | None) -> Route:
    """Returns the route itself where nobody is asked for rights."""
    return route if gatekeeper is None else GuardedInvocation(route, gatekeeper)
