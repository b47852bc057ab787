"""Holds what the two Invoke operations have in common: how they are found and how they refuse."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from emulator.api.asgi import respond, send_error
from emulator.api.invoke.directory import DeployedDirectory
from emulator.core.asynchronous.lineage import EndlessChainError, continued
from emulator.errors import LoopError, ServiceError
from emulator.live.engine import check_tenant

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.api.invoke.directory import Directory
    from emulator.api.invoke.request import Options
    from emulator.core.profile import Profile
    from emulator.live.engine import Engine
    from emulator.live.functions.targets import Target


_LOOP = (
    "Lambda has detected the function being invoked in a recursive loop with other AWS resources "
    "and stopped your function's invocation."
)


class InvocationRoute(ABC):
    """Takes POST `prefix`{FunctionName}`suffix`; answers a ServiceError in AWS's form."""

    prefix: ClassVar[str]
    suffix: ClassVar[str]

    def __init__(
        self, engine: Engine, profile: Profile, directory: Directory | None = None
    ) -> None:
        """Takes the engine's own functions where there is no `directory`."""
        self._engine = engine
        self._profile = profile
        self._directory = directory or DeployedDirectory(engine)

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

    async def _found(self, scope: Scope, asked: Options) -> Target:
        words = (scope["path"], scope["query_string"], asked.credential)
        return self._directory.get(words) or await self._directory.find(words)

    def _counted(self, target: Target, trace: str) -> str:
        """Returns the trace with one more invocation of the function.

        Raises:
            LoopError: the function was invoked too often in one chain of events.
        """
        try:
            return continued(trace, target.function_arn, self._profile.asynchronous.most_in_a_loop)
        except EndlessChainError:
            raise LoopError(_LOOP) from None

    def _check_tenant(self, target: Target, tenant: str) -> None:
        """Refuses a tenant that is missing, or that is not asked for."""
        configuration = self._engine.configuration(target.key)
        assert configuration is not None  # a target's versions are ready
        check_tenant(tenant, configuration)

    async def _dry_run(self, target: Target, tenant: str, send: Send) -> None:
        """Answers an invocation that is only to be checked.

        Raises:
            InvalidParameterValueError: a tenant is missing, or is not asked for.
        """
        self._check_tenant(target, tenant)
        await respond(send, 204, b"", [])
