from __future__ import annotations

from dataclasses import replace

from emulator.core.billing import Size
from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.log_configuration import LogConfiguration
from emulator.core.model import FunctionVersion
from emulator.core.prices import Architecture

ECHO = FunctionConfiguration("echo", runtime="python3.12", handler="app.handler")


def test_scheduler_is_told_name_memory_timeout_version_and_revision() -> None:
    configuration = replace(ECHO, memory_mb=512, timeout=7, version="3")
    assert configuration.scheduled(4) == FunctionVersion("echo", 512, 7.0, "3", 4)
    assert configuration.scheduled(4).key == "echo:3"


def test_price_depends_on_memory_architecture_and_storage() -> None:
    configuration = replace(
        ECHO, memory_mb=256, architecture=Architecture.ARM64, ephemeral_storage_mb=1024
    )
    assert configuration.size == Size(256, Architecture.ARM64, 1024)
    assert ECHO.size == Size(128)


def test_group_is_the_functions_own_unless_another_is_named() -> None:
    assert ECHO.log_group == "/aws/lambda/echo"
    assert replace(ECHO, logging=LogConfiguration(group="/all")).log_group == "/all"
