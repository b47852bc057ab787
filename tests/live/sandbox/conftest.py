from __future__ import annotations

import pytest

from tests.live.sandbox.one_sandbox import Here


@pytest.fixture
async def here() -> Here:
    return Here()
