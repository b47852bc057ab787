"""The page that describes the testbed's own pages, held against them by schemathesis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from emulator import __version__
from tests.api.services.conftest import served_api

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    with served_api(folder=tmp_path_factory.mktemp("state")) as here:
        yield schemathesis.openapi.from_url(f"{here.url}/_testbed/openapi.json")


def test_pages_are_as_they_are_described(description: schemathesis.BaseSchema) -> None:
    for found in description.get_all_operations():
        check_page(found.ok())


def check_page(operation: Any) -> None:
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy() | operation.as_strategy(schemathesis.GenerationMode.NEGATIVE))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate()

    check()


def test_description_names_the_version_and_every_page(description: schemathesis.BaseSchema) -> None:
    assert description.raw_schema["info"]["version"] == __version__
    assert {"/healthz", "/metrics", "/_testbed/sandboxes", "/_testbed/logs/{function}"} <= set(
        description.raw_schema["paths"]
    )
