"""What the two routes that invoke have in common: how they are found, and how they refuse."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from starlette.routing import BaseRoute, Match, NoMatchFound

from emulator.api.asgi import send_error
from emulator.errors import ServiceError

if TYPE_CHECKING:
    from starlette.datastructures import URLPath
    from starlette.types import Receive, Scope, Send

    from emulator.core.profile import Profile
    from emulator.live.engine import Engine


class InvocationRoute(BaseRoute):
    """POST `prefix`{FunctionName}`suffix`; a ServiceError is an answer in AWS's form."""

    prefix: ClassVar[str]
    suffix: ClassVar[str]

    def __init__(self, engine: Engine, profile: Profile) -> None:
        self._engine = engine
        self._profile = profile

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and scope["path"].startswith(self.prefix)
            and scope["path"].endswith(self.suffix)
        ):
            return Match.FULL, {}
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._invoke(scope, receive, send)
        except ServiceError as error:
            await send_error(send, error)

    @abstractmethod
    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None: ...
