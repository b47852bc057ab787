from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from emulator.errors import BuildError
from emulator.live.backends.docker.build import (
    image_tag,
    images_named,
    runtime_image,
    split_tag,
    write_context,
    zip_dockerfile,
)

if TYPE_CHECKING:
    from pathlib import Path


AWS = "public.ecr.aws/lambda"


@pytest.mark.parametrize(
    ("runtime", "image"),
    [
        ("python3.13", "python:3.13"),
        ("nodejs22.x", "nodejs:22"),
        ("java21", "java:21"),
        ("java8.al2", "java:8.al2"),
        ("dotnet8", "dotnet:8"),
        ("ruby3.3", "ruby:3.3"),
        ("provided.al2023", "provided:al2023"),
        ("provided", "provided:alami"),
    ],
)
def test_a_runtime_has_its_base_image_by_rule(runtime: str, image: str) -> None:
    assert runtime_image(runtime) == f"{AWS}/{image}"


def test_what_is_no_runtime_is_refused() -> None:
    with pytest.raises(BuildError, match="is not the identifier of a Lambda runtime"):
        runtime_image("3.13")


@pytest.mark.parametrize(
    ("name", "readable"),
    [("echo", "echo"), ("My_Fn-1", "my-fn-1"), ("-_", "function"), ("a__b", "a-b")],
)
def test_any_function_name_makes_a_valid_tag(name: str, readable: str) -> None:
    assert image_tag(name, "0123") == f"serverless-testbed/{readable}:0123"


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("python", ("python", "latest")),
        ("localhost:5000/a/b", ("localhost:5000/a/b", "latest")),
        ("localhost:5000/a/b:1", ("localhost:5000/a/b", "1")),
        ("a/b@sha256:12", ("a/b", "sha256:12")),
    ],
)
def test_a_reference_is_repository_and_tag(image: str, parts: tuple[str, str]) -> None:
    assert split_tag(image) == parts


def test_images_that_a_dockerfile_starts_from() -> None:
    dockerfile = """
    ARG TAG=3.13
    ARG BASE
    FROM --platform=linux/amd64 python:${TAG}-slim AS build
    RUN true
    FROM ${BASE:-public.ecr.aws/lambda/python:$TAG}
    COPY --from=build /a /b
    FROM build
    from scratch
    """
    assert images_named(dockerfile) == ["python:3.13-slim", "public.ecr.aws/lambda/python:3.13"]


def _content(folder: Path, **files: str) -> dict[str, Path]:
    found = {}
    for name, text in files.items():
        path = folder / name
        path.write_text(text)
        found[f"task/{name.replace('_', '.')}"] = path
    return found


def _steps(dockerfile: str) -> list[str]:
    return [" ".join(line.split()[:3]) for line in dockerfile.splitlines() if line[:3] != "ARG"]


def test_code_is_copied_after_its_requirements_so_that_an_edit_installs_nothing(
    tmp_path: Path,
) -> None:
    content = _content(tmp_path, app_py="", requirements_txt="numpy\n")
    assert _steps(zip_dockerfile("f", "base", "python3.13", content)) == [
        "FROM base",
        "COPY task/requirements.txt /var/task/",
        'RUN ["python3", "-m",',
        "COPY task/ /var/task/",
        'RUN ["python3", "-c",',
    ]


@pytest.mark.parametrize(
    "line", ["-r more.txt", "./local", "/opt/x.whl", "six @ file:///x", "--find-links w"]
)
def test_code_is_copied_first_where_requirements_name_files_of_it(
    tmp_path: Path, line: str
) -> None:
    content = _content(tmp_path, requirements_txt=f"# comment\n{line}\n")
    assert _steps(zip_dockerfile("f", "base", "python3.13", content))[1] == "COPY task/ /var/task/"


def test_layers_are_copied_to_opt_and_a_java_function_is_only_copied(tmp_path: Path) -> None:
    content = _content(tmp_path, requirements_txt="numpy") | {"opt/lib/a.jar": tmp_path}
    assert zip_dockerfile("f", "base", "java21", content) == (
        "FROM base\nCOPY opt/ /opt/\nCOPY task/ /var/task/\n"
    )


def test_custom_runtime_is_where_its_image_looks_for_it(tmp_path: Path) -> None:
    content = _content(tmp_path, bootstrap="#!/bin/sh\n")
    last = zip_dockerfile("f", "base", "provided.al2023", content).splitlines()[-1]
    assert last == "COPY task/bootstrap /var/runtime/bootstrap"
    with pytest.raises(BuildError, match="f: a custom runtime's code needs an executable"):
        zip_dockerfile("f", "base", "provided.al2023", {})


def test_build_context_holds_every_file_readable_by_the_sandbox_user(tmp_path: Path) -> None:
    content = _content(tmp_path, app_py="x = 1\n", run_sh="#!/bin/sh\n")
    content["task/app.py"].chmod(0o600)
    content["task/run.sh"].chmod(0o700)
    written = io.BytesIO()
    write_context(written, "FROM base\n", content)
    with tarfile.open(fileobj=written) as archive:
        entries = {m.name: (oct(m.mode & 0o777), m.uid) for m in archive.getmembers()}
        source = archive.extractfile("task/app.py")
        assert source is not None
        assert source.read() == b"x = 1\n"
    assert entries["task/app.py"] == ("0o644", 0)
    assert entries["task/run.sh"] == ("0o755", 0)
    assert entries.keys() >= {"task", "opt", "Dockerfile"}
