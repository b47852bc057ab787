"""What several tests of functions need beside boto3."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from botocore.exceptions import ClientError

    from emulator.live.deployments import Prepared
    from tests.api.services.conftest import ServedApi


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    """Returns code and status of an error."""
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@contextmanager
def held_back(api: ServedApi) -> Iterator[None]:
    """Lets no package be made until the end of the block."""
    go_on = threading.Event()
    prepare = api.engine.prepare

    async def held(*arguments: Any) -> Prepared:
        assert await asyncio.to_thread(go_on.wait, 60)
        return await prepare(*arguments)

    api.engine.prepare = held
    try:
        yield
    finally:
        go_on.set()
        api.engine.prepare = prepare
