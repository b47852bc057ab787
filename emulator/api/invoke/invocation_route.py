"""Holds what the two Invoke operations have in common: how they are found and how they refuse."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from emulator.api.asgi import respond, send_error
from emulator.errors import ResourceNotFoundError, ServiceError
from emulator.live.sandbox.environment import function_arn

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.core.model import VersionKey
    from emulator.core.profile import Profile
    from emulator.live.engine import Engine


class InvocationRoute(ABC):
    """Takes POST `prefix`{FunctionName}`suffix`; answers a ServiceError in AWS's form."""

    prefix: ClassVar[str]
    suffix: ClassVar[str]

    def __init__(self, engine: Engine, profile: Profile) -> None:
        self._engine = engine
        self._profile = profile

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

    async def _dry_run(self, key: VersionKey, send: Send) -> None:
        """Answers an invocation that is only to be checked.

        Raises:
            ResourceNotFoundError: there is no such version.
        """
        if not self._engine.has(key):
            arn = function_arn(key.name, key.version)
            raise ResourceNotFoundError(f"Function not found: {arn}")
        await respond(send, 204, b"", [])
