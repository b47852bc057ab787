"""A template's function is the same after it has been a version of the catalogue."""

from __future__ import annotations

import pytest

from emulator.core.function_configuration import FunctionConfiguration, ImageSource, PackageType
from emulator.core.function_names import FunctionName, Scope
from emulator.core.log_configuration import ApplicationLogLevel, LogConfiguration, LogFormat
from emulator.core.prices import Architecture
from emulator.live.functions.conversion import configuration, members
from emulator.live.store.function_records import Code, Status, Version

HOME = Scope("111122223333", "eu-central-1")
PLAIN = FunctionConfiguration("echo", "python3.13", "app.echo", code="/code", scope=HOME)
RICH = FunctionConfiguration(
    "echo",
    "java21",
    "com.example.Handler",
    memory_mb=1024,
    timeout=60,
    environment={"MODE": "a"},
    code="/code",
    layers=("/one", "/two"),
    architecture=Architecture.ARM64,
    ephemeral_storage_mb=1024,
    reserved_concurrency=5,
    logging=LogConfiguration(LogFormat.JSON, ApplicationLogLevel.DEBUG, group="mine"),
    scope=HOME,
)
IMAGE = FunctionConfiguration(
    "echo",
    package_type=PackageType.IMAGE,
    image=ImageSource("/image/Dockerfile", "/image"),
    image_command=("app.echo",),
    image_entry_point=("/run",),
    image_working_directory="/work",
    scope=HOME,
)


@pytest.mark.parametrize("template", [PLAIN, RICH, IMAGE])
def test_nothing_is_lost_on_the_way(template: FunctionConfiguration) -> None:
    source = template.image
    code = Code(
        folder=template.code,
        layers=template.layers,
        dockerfile=source.dockerfile if source else "",
        context=source.context if source else "",
    )
    version = Version(
        FunctionName(HOME, "echo"), "$LATEST", members(template), code, Status(), "r", "now"
    )
    again = configuration(
        version,
        HOME,
        code=code.folder,
        layers=code.layers,
        reserved_concurrency=template.reserved_concurrency,
    )
    assert again == template


def test_function_abroad_has_a_key_of_its_own() -> None:
    abroad = Scope("111122223333", "us-east-1")
    version = Version(FunctionName(abroad, "echo"), "2", {}, Code(), Status(), "r", "now")
    found = configuration(version, HOME)
    assert found.key == "111122223333/us-east-1/echo:2"
    assert found.name == "echo"
    assert found.arn == "arn:aws:lambda:us-east-1:111122223333:function:echo:2"
