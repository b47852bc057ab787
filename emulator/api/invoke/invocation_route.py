"""Holds what the two Invoke operations have in common: how they are found and how they refuse."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from emulator.api.asgi import respond, send_error
from emulator.core.asynchronous.lineage import EndlessChainError, continued
from emulator.errors import LoopError, ResourceNotFoundError, ServiceError
from emulator.live.engine import check_tenant
from emulator.live.sandbox.environment import function_arn

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import VersionKey
    from emulator.core.profile import Profile
    from emulator.live.engine import Engine


_LOOP = (
    "Lambda has detected the function being invoked in a recursive loop with other AWS resources "
    "and stopped your function's invocation."
)


class InvocationRoute(ABC):
    """Takes POST `prefix`{FunctionName}`suffix`; answers a ServiceError in AWS's form."""

    prefix: ClassVar[str]
    suffix: ClassVar[str]

    def __init__(self, engine: Engine, profile: Profile) -> None:
        self._engine = engine
        self._profile = profile
        self._arns: dict[VersionKey, str] = {}

    def match(self, scope: Scope) -> ASGIApp | None:
        if (
            scope["method"] == "POST"
            and scope["path"].startswith(self.prefix)
            and scope["path"].endswith(self.suffix)
        ):
            return self._handle
        return None

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._invoke(scope, receive, send)
        except ServiceError as error:
            await send_error(send, error)

    @abstractmethod
    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def _counted(self, key: VersionKey, trace: str) -> str:
        """Returns the trace with one more invocation of the function.

        Raises:
            LoopError: the function was invoked too often in one chain of events.
        """
        arn = self._arns.get(key) or self._arns.setdefault(key, function_arn(key.name))
        try:
            return continued(trace, arn, self._profile.asynchronous.most_in_a_loop)
        except EndlessChainError:
            raise LoopError(_LOOP) from None

    async def _dry_run(self, key: VersionKey, tenant: str, send: Send) -> None:
        """Answers an invocation that is only to be checked.

        Raises:
            ResourceNotFoundError: there is no such version.
            InvalidParameterValueError: a tenant is missing, or is not asked for.
        """
        check_tenant(tenant, self._configuration(key))
        await respond(send, 204, b"", [])

    def _configuration(self, key: VersionKey) -> FunctionConfiguration:
        """Returns the configuration of a version.

        Raises:
            ResourceNotFoundError: there is no such version.
        """
        configuration = self._engine.configuration(key)
        if configuration is None:
            arn = function_arn(key.name, key.version)
            raise ResourceNotFoundError(f"Function not found: {arn}")
        return configuration
