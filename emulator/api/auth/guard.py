"""Verifies who sends a request, and decides whether they may do what it asks for.

Users, roles and policies are the companion's; the account's root and the sessions of functions'
roles are the emulator's own. The rules are in the pure modules beside this one.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from emulator.api.auth.canonical import RequestToCheck
from emulator.api.auth.context import caller_context, request_context
from emulator.api.auth.directory import Directory, root
from emulator.api.auth.evaluation import Policies, Request, evaluate, sentence
from emulator.api.auth.patterns import account_of
from emulator.api.auth.principals import ANONYMOUS
from emulator.api.auth.signature import (
    EXPIRED_TOKEN,
    UNRECOGNIZED,
    read_signature,
    same,
    verify,
)
from emulator.api.services.calls import ServiceError
from emulator.errors import CompanionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.types import Scope

    from emulator.api.auth.context import Values
    from emulator.api.auth.directory import Identity, Role
    from emulator.api.auth.policy import Policy
    from emulator.api.auth.principals import Caller
    from emulator.live.companion.identity_source import IdentitySource
    from emulator.live.companion.sessions import Sessions

ACCESS_DENIED = "AccessDeniedException"
_INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105  # a sentence


class Guard:
    """Stands before everything that needs a right, under `--auth strict`. One event loop's."""

    def __init__(
        self,
        source: IdentitySource,
        sessions: Sessions,
        root: Identity,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Takes the account's `root`, who has every right; `now` returns seconds of the epoch."""
        self._source = source
        self._sessions = sessions
        self._root = root
        self.account = root.caller.account
        """The account whose root calls."""
        self._now = now
        self._told: Mapping[str, object] | None = None
        self._directory = Directory({})

    async def authenticate(self, scope: Scope, body_hash: str, services: Iterable[str]) -> Identity:
        """Returns who sent a request; `body_hash` is as for `signature.verify`.

        Raises:
            ServiceError: the request is not signed, or not rightly, by a key that is known here.
        """
        request = request_to_check(scope)
        signature = read_signature(request)
        identity = await self.holder_of(signature.access_key)
        if not same(identity.token, signature.token):
            raise ServiceError(UNRECOGNIZED, _INVALID_TOKEN, 403)
        now = self._now()
        verify(signature, request, body_hash, identity.secret, now=now, services=services)
        if identity.expires is not None and now >= identity.expires:
            sentence = "The security token included in the request is expired"
            raise ServiceError(EXPIRED_TOKEN, sentence, 403)
        return identity

    async def holder_of(self, access_key: str) -> Identity:
        """Returns whose an access key is, without a look at any signature.

        Raises:
            ServiceError: nobody has the key.
        """
        identity = await self._find(access_key)
        if identity is None:
            raise ServiceError(UNRECOGNIZED, _INVALID_TOKEN, 403)
        return identity

    async def role(self, arn: str) -> Role | None:
        """Returns a role; None where there is none such."""
        return (await self._fresh()).role(arn)

    def authorize(
        self,
        identity: Identity | None,
        action: str,
        resource: str,
        *,
        account: str,
        context: Values,
        resource_policy: Policy | None = None,
        resource_decides: bool = False,
    ) -> None:
        """Checks a right; no identity is the anonymous caller.

        `account` is the owner of the resource. See `evaluation.Policies` for the last two.

        Raises:
            ServiceError: the caller has not the right.
        """
        caller = ANONYMOUS if identity is None else identity.caller
        request = Request(caller, action, resource, account, context | caller_context(caller))
        if identity is None:
            policies = Policies(resource=resource_policy)
        else:
            policies = Policies(
                identity.policies,
                identity.boundary,
                identity.session,
                resource_policy,
                resource_decides,
            )
        decision = evaluate(request, policies)
        if not decision.allowed:
            raise ServiceError(ACCESS_DENIED, sentence(request, decision), 403)

    def root_of(self, account: str) -> Identity:
        """Returns the root of an account, by default of the one that has the key."""
        return root(account or self.account, "", "")

    async def session_of(self, role_arn: str, name: str) -> Identity:
        """Returns a session of a role that a service of the companion has, under its name."""
        described = {"role_arn": role_arn, "name": name, "key": "", "secret": ""}
        return (await self._fresh()).session(described | {"token": "", "expires": 0.0})

    def trusts(self, role: Role, caller: Caller) -> bool:
        """Returns whether a role's trust policy lets somebody assume the role."""
        account = account_of(role.arn)
        context = caller_context(caller)
        request = Request(caller, "sts:AssumeRole", role.arn, account, context)
        return evaluate(request, Policies(resource=role.trust, resource_decides=True)).allowed

    def context(self, scope: Scope, region: str, identity: Identity | None) -> Values:
        """Returns the values of a request for conditions, as far as they are every service's."""
        found = request_context(scope, region, self._now())
        if identity is not None and identity.function_arn:
            found["lambda:sourcefunctionarn"] = (identity.function_arn,)
        return found

    async def _find(self, access_key: str) -> Identity | None:
        if access_key == self._root.caller.access_key:
            return self._root
        directory = await self._fresh()
        session = self._sessions.find(access_key)
        if session is not None:
            return directory.session(session.described, function_arn=session.function_arn)
        return directory.find(access_key)

    async def _fresh(self) -> Directory:
        """Returns the directory as it is now.

        Raises:
            ServiceError: the companion, whose users they are, does not answer.
        """
        try:
            told = await self._source.identities()
        except CompanionError as error:
            raise ServiceError("ServiceUnavailableException", str(error), 503) from error
        if told is not self._told:
            self._told, self._directory = told, Directory(told)
        return self._directory


def request_to_check(scope: Scope) -> RequestToCheck:
    """Returns what a signature covers of an ASGI request; paths are as they came."""
    path = scope.get("raw_path") or scope["path"].encode()
    return RequestToCheck(scope["method"], path, scope["query_string"], scope["headers"])


def hash_of(body: bytes) -> str:
    """Returns the SHA-256 of a body in hex, as signatures have it."""
    return hashlib.sha256(body).hexdigest()
