from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.aws.stand_ins import StandIns, stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def others() -> Iterator[StandIns]:
    with stand_ins() as here:
        yield here
