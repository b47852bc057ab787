"""Stands before the companion under `--auth strict`: its calls are verified and need their rights.

Bodies are read whole, but S3's, which may be large: of those the hash is compared with the signed
one when the last piece is there, and an upload that differs is broken off. Policies of buckets,
queues and topics have no say; a role's trust policy has.

What is passed on says once, and in one way, who asks whom for what: moto looks for that in other
places and in another order than is verified here.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from botocore.loaders import Loader

from emulator.api.asgi import read_body
from emulator.api.auth.companion_rights import AMBIGUOUS, asked
from emulator.api.auth.gatekeeper import replayed
from emulator.api.auth.guard import ACCESS_DENIED, hash_of, request_to_check
from emulator.api.auth.patterns import account_of
from emulator.api.auth.principals import Kind
from emulator.api.auth.principals import service as principal
from emulator.api.auth.rights import PASS_ROLE
from emulator.api.auth.s3_rights import asked_of_s3, place_of
from emulator.api.auth.signature import ALGORITHM, MISSING, read_signature
from emulator.api.services.bodies import MOST_BYTES
from emulator.api.services.calls import ServiceError
from emulator.api.services.request import ApiRequest

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

    from emulator.api.auth.companion_rights import Asked
    from emulator.api.auth.directory import Identity
    from emulator.api.auth.guard import Guard

_ACCOUNT = b"x-moto-account-id"
"""Header in which moto takes the account of a call before that of its key."""
_IDENTITY = "sts:GetCallerIdentity"
"""An action that needs no right, and that nobody can deny."""
_BY_TOKEN = frozenset({"sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"})
_NO_TOKENS = "Tokens of identity providers are not verified here: use AssumeRole."
_ASSUME = "sts:AssumeRole"
_OPEN = {
    "AWSCognitoIdentityProviderService": "cognito-idp",
    "AWSCognitoIdentityService": "cognito-identity",
}
"""Services with operations that nobody signs, such as a user's own sign-up."""
_SHA256_DIGITS = 64
_CLOUDFORMATION = "cloudformation.amazonaws.com"


class Admitted(NamedTuple):
    """Holds a request as it may be passed on."""

    scope: Scope
    receive: Receive
    answer: bytes | None = None
    """An answer that the companion cannot give; None: pass the request on."""


class ServicesGuard:
    """Admits requests for services that the companion serves."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def admit(self, service: str, scope: Scope, receive: Receive) -> Admitted:
        """Returns the request as it may be passed on.

        Raises:
            ServiceError: the request is not signed, or not rightly, or its sender lacks the right.
            RequestTooLargeError: the body is too large to be looked at.
        """
        request = ApiRequest.of(scope)
        if request.signer is None:
            if not _is_open(service, request):
                raise ServiceError(MISSING, "Missing Authentication Token", 403)
            return Admitted({**scope, "headers": _without(scope, _ACCOUNT)}, receive)
        if service == "s3":
            return await self._admit_to_s3(scope, receive)
        body = await read_body(receive, MOST_BYTES)
        identity = await self._guard.authenticate(scope, hash_of(body), (service,))
        request = ApiRequest.of(scope, body)
        region, account = request.signer.region if request.signer else "", identity.caller.account
        what = asked(service, request, region, account)
        await self._authorize(what, scope, region, identity)
        if service == "cloudformation":
            await self._check_passed_role(what, scope, region, identity)
        answer = None
        if what.action == _IDENTITY and identity.caller.kind is Kind.ROOT:
            answer = _root_identity(identity)
        return Admitted(_said_once(scope, identity), replayed(body, receive), answer)

    async def _admit_to_s3(self, scope: Scope, receive: Receive) -> Admitted:
        request = ApiRequest.of(scope)
        stated = request.headers.get("x-amz-content-sha256", "")
        identity = await self._guard.authenticate(scope, stated or hash_of(b""), ("s3",))
        region = request.signer.region if request.signer else ""
        for what in asked_of_s3(request):
            await self._authorize(what, scope, region, identity)
        place = place_of(request)
        path = quote(f"/{place.bucket}/{place.key}" if place.bucket else "/")
        headers = [*_without(scope, b"host"), (b"host", b"localhost")]
        scope = {**scope, "headers": headers, "raw_path": path.encode(), "path": path}
        return Admitted(_said_once(scope, identity), _compared(stated, receive))

    async def _check_passed_role(
        self, what: Asked, scope: Scope, region: str, identity: Identity
    ) -> None:
        """Checks that a caller may pass on the role in which a stack is to act.

        Raises:
            ServiceError: the caller may not, or CloudFormation may not assume the role, or the
                request can be read in two ways.
        """
        if what.action.endswith(f":{AMBIGUOUS}"):
            raise ServiceError("ValidationError", "A request states each parameter once.", 400)
        arn = str(what.members.get("RoleARN") or "")
        if not arn:
            return
        context = self._guard.context(scope, region, identity)
        context["iam:passedtoservice"] = (_CLOUDFORMATION,)
        owner = account_of(arn)
        self._guard.authorize(identity, PASS_ROLE, arn, account=owner, context=context)
        role = await self._guard.role(arn)
        if role is None or not self._guard.trusts(role, principal(_CLOUDFORMATION)):
            sentence = f"Role {arn} is invalid or cannot be assumed"
            raise ServiceError("ValidationError", sentence, 400)

    async def _authorize(self, what: Asked, scope: Scope, region: str, identity: Identity) -> None:
        if what.action == _IDENTITY:
            return
        if what.action in _BY_TOKEN:
            raise ServiceError(ACCESS_DENIED, _NO_TOKENS, 403)
        context = self._guard.context(scope, region, identity)
        trust, owner = None, identity.caller.account
        if what.action == _ASSUME:
            owner = account_of(what.resource) or owner
            role = await self._guard.role(what.resource)
            trust = None if role is None else role.trust
            if external := what.members.get("ExternalId"):
                context["sts:externalid"] = (str(external),)
        self._guard.authorize(
            identity,
            what.action,
            what.resource,
            account=owner,
            context=context,
            resource_policy=trust,
            resource_decides=what.action == _ASSUME,
        )


def _said_once(scope: Scope, identity: Identity) -> Scope:
    """Returns the request with its signer in one header, and its caller's account.

    The root may name another account, since nobody else could make the first user there.
    """
    signature = read_signature(request_to_check(scope))
    stated = (
        f"{ALGORITHM} Credential={signature.access_key}/{signature.scope}, "
        f"SignedHeaders={';'.join(signature.signed_headers)}, Signature={signature.digest}"
    )
    account = identity.caller.account.encode()
    if identity.caller.kind is Kind.ROOT:
        account = next((v for name, v in scope["headers"] if name == _ACCOUNT), account)
    headers = [
        *_without(scope, b"authorization", _ACCOUNT),
        (b"authorization", stated.encode()),
        (_ACCOUNT, account),
    ]
    return {**scope, "headers": headers}


def _root_identity(identity: Identity) -> bytes:
    """Returns the answer of `GetCallerIdentity` to the root, whom moto does not know."""
    caller = identity.caller
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult><Arn>{caller.arn}</Arn><UserId>{caller.unique_id}</UserId>"
        f"<Account>{caller.account}</Account></GetCallerIdentityResult>"
        "</GetCallerIdentityResponse>"
    ).encode()


def _without(scope: Scope, *names: bytes) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in scope["headers"] if name not in names]


def _is_open(service: str, request: ApiRequest) -> bool:
    """Returns whether a request asks for an operation that is never signed."""
    prefix, _, operation = request.headers.get("x-amz-target", "").partition(".")
    if _OPEN.get(prefix) != service or request.query_string:
        return False
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return not form and operation in _unsigned_operations(service)


@cache
def _unsigned_operations(service: str) -> frozenset[str]:
    operations = Loader().load_service_model(service, "service-2")["operations"]
    return frozenset(
        name for name, operation in operations.items() if operation.get("authtype") == "none"
    )


def _compared(stated: str, receive: Receive) -> Receive:
    """Returns the messages of a body, cut short where the body is not the one that was signed."""
    if len(stated) != _SHA256_DIGITS:  # unsigned, or signed in pieces
        return receive
    digest = hashlib.sha256()
    whole = False

    async def messages() -> Message:
        nonlocal whole
        message = await receive()
        if message["type"] != "http.request" or whole:
            return message
        digest.update(message.get("body", b""))
        whole = not message.get("more_body", False)
        if whole and not hmac.compare_digest(digest.hexdigest(), stated):
            return {"type": "http.disconnect"}
        return message

    return messages
