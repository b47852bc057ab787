"""How the Java function's image starts its JVM, with a `java` that only tells its arguments."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from emulator.core.function_configuration import PackageType
from emulator.sam.template import load

FUNCTIONS = Path(__file__).parents[2] / "functions"


def arguments(tmp_path: Path, **environment: str) -> list[str]:
    told = tmp_path / "java"
    told.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    told.chmod(0o755)
    return subprocess.run(
        ["sh", FUNCTIONS / "kdd99-java" / "entrypoint.sh", "kdd99.Handler"],
        env={"PATH": f"{tmp_path}:/bin:/usr/bin", "LAMBDA_TASK_ROOT": "/var/task", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()


@pytest.mark.parametrize(
    ("memory", "heap_kb", "classes_kb", "code_kb"),
    [("256", 222822, 26214, 13107), ("1024", 891289, 104857, 52428)],
)
def test_limits_of_the_jvm_follow_the_memory_size(
    tmp_path: Path, memory: str, heap_kb: int, classes_kb: int, code_kb: int
) -> None:
    given = arguments(tmp_path, AWS_LAMBDA_FUNCTION_MEMORY_SIZE=memory)
    assert [flag for flag in given if flag.startswith("-XX:") and "Size" in flag] == [
        f"-XX:MaxHeapSize={heap_kb}k",
        f"-XX:MaxMetaspaceSize={classes_kb}k",
        f"-XX:ReservedCodeCacheSize={code_kb}k",
    ]


def test_runtime_client_gets_the_handler(tmp_path: Path) -> None:
    *_, path, client, handler = arguments(tmp_path)
    assert path == "/var/task/lib/*"
    assert (client.rpartition(".")[2], handler) == ("AWSLambda", "kdd99.Handler")


def test_study_has_both_functions_as_images_with_a_route_each() -> None:
    template = load(FUNCTIONS / "study.yaml", machine="x86_64")
    assert {function.name for function in template.functions} == {"kdd99-tf", "kdd99-java"}
    assert {function.package_type for function in template.functions} == {PackageType.IMAGE}
    assert sorted((route.method, route.path, route.function) for route in template.routes) == [
        ("POST", "/predict", "kdd99-tf"),
        ("POST", "/predict/java", "kdd99-java"),
    ]
