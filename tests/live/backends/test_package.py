"""Packages: what is in them, when they are made anew, and what cannot be made without an engine."""

from __future__ import annotations

import asyncio
import os
import random
import re
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from emulator.core.function_configuration import FunctionConfiguration, ImageSource, PackageType
from emulator.core.version_key import VersionKey
from emulator.errors import BuildError
from emulator.live.backends.package import (
    UNZIPPED_LIMIT,
    digest,
    requirements,
    stage,
    zip_content,
    zipped_mb,
)
from emulator.live.backends.process import dockerfile
from emulator.live.backends.process.atomic_folder import built, sweep
from emulator.live.backends.process.packages import Packages
from emulator.live.backends.process.requirements import self_contained

HOST = f"python{sys.version_info.major}.{sys.version_info.minor}"


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def function(code: Path, *layers: Path, runtime: str = HOST) -> FunctionConfiguration:
    return FunctionConfiguration(
        "f", runtime, "app.handler", code=str(code), layers=tuple(map(str, layers))
    )


def files(folder: Path) -> set[str]:
    """Without bytecode."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found if path.suffix != ".pyc"}


# staging


def test_code_and_layers_are_staged_apart(tmp_path: Path) -> None:
    code = written(tmp_path / "code", {"app.py": "", "pkg/mod.py": "", "__pycache__/app.pyc": ""})
    first = written(tmp_path / "first", {"python/a.py": "1", "python/b.py": "1"})
    second = written(tmp_path / "second", {"python/b.py": "2"})
    stage(function(code, first, second), tmp_path / "into")
    assert files(tmp_path / "into") == {
        "task/app.py",
        "task/pkg/mod.py",
        "opt/python/a.py",
        "opt/python/b.py",
    }
    assert (tmp_path / "into/opt/python/b.py").read_text() == "2"


def test_links_become_what_they_point_to(tmp_path: Path) -> None:
    shared = written(tmp_path / "shared", {"lib/one.py": "1"})
    code = written(tmp_path / "code", {"app.py": ""})
    (code / "lib").symlink_to(shared / "lib")
    (code / "two.py").symlink_to(shared / "lib" / "one.py")
    stage(function(code), tmp_path / "into")
    assert not (tmp_path / "into/task/lib").is_symlink()
    assert (tmp_path / "into/task/lib/one.py").read_text() == "1"
    assert not (tmp_path / "into/task/two.py").is_symlink()


def test_every_user_can_read_what_is_staged(tmp_path: Path) -> None:
    code = written(tmp_path / "code", {"app.py": "", "bin/run": ""})
    (code / "app.py").chmod(0o600)
    (code / "bin/run").chmod(0o700)
    earlier = os.umask(0o077)
    try:
        stage(function(code), tmp_path / "into")
    finally:
        os.umask(earlier)
    modes = {
        path.relative_to(tmp_path / "into").as_posix(): path.stat().st_mode & 0o777
        for path in (tmp_path / "into/task").rglob("*")
    }
    assert modes == {"task/app.py": 0o644, "task/bin": 0o755, "task/bin/run": 0o755}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", "is not a folder"),
        ("broken", "is a link to nothing"),
        ("loop", "links to a folder that contains it"),
        ("pipe", "is neither a file nor a folder"),
    ],
)
def test_what_no_package_can_hold_is_named(tmp_path: Path, fault: str, message: str) -> None:
    code = tmp_path / "code"
    if fault != "missing":
        written(code, {"sub/app.py": ""})
    match fault:
        case "broken":
            (code / "sub/link").symlink_to("nowhere")
        case "loop":
            (code / "sub/link").symlink_to(code)
        case "pipe":
            os.mkfifo(code / "sub/link")
    culprit = code if fault == "missing" else code / "sub/link"
    with pytest.raises(BuildError, match=rf"{re.escape(str(culprit))} {message}"):
        stage(function(code), tmp_path / "into")


def test_requirements_are_wanted_unless_somebody_has_installed_them(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    code = {"task/requirements.txt": file, "task/app.py": file}
    vendored = {"task/lib/six-1.17.dist-info/METADATA": file, "opt/six-1.17.dist-info/RECORD": file}
    assert requirements(code) == file
    assert requirements(code | vendored) == file
    assert requirements(code | {"task/six-1.17.dist-info/METADATA": file}) is None
    assert requirements({"task/app.py": file}) is None


def test_unzipped_size_is_limited_with_the_layers(tmp_path: Path) -> None:
    code = written(tmp_path / "code", {"app.py": "x" * 100})
    layer = written(tmp_path / "layer", {"model": ""})
    os.truncate(layer / "model", UNZIPPED_LIMIT - 100)
    with pytest.raises(BuildError, match="Unzipped size must be smaller than 262144000 bytes"):
        stage(function(code, layer), tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_digest_tells_content_names_modes_and_salt_apart(tmp_path: Path) -> None:
    code = written(tmp_path / "code", {"app.py": "1", "two.py": "2"})

    def now(*salt: str) -> str:
        return digest(zip_content(function(code)), *salt)

    seen = [now(), now("other")]
    os.utime(code / "app.py", (1, 1))
    assert now() == seen[0], "times do not count"
    (code / "app.py").write_text("3")
    seen.append(now())
    (code / "two.py").rename(code / "three.py")
    seen.append(now())
    (code / "app.py").chmod(0o755)
    seen.append(now())
    assert len(set(seen)) == len(seen)


# folders that are built once


async def built_by(target: Path, text: str, both: asyncio.Barrier | None = None) -> None:
    async with built(target) as folder:
        (folder / "file").write_text(text)
        if both:
            await both.wait()


def test_of_two_builders_at_once_one_wins(tmp_path: Path) -> None:
    async def run() -> None:
        both = asyncio.Barrier(2)
        target = tmp_path / "cache/one"
        await asyncio.gather(built_by(target, "a" * 9, both), built_by(target, "b" * 9, both))

    asyncio.run(run())
    assert files(tmp_path) == {"cache/one/file"}
    assert (tmp_path / "cache/one/file").read_text() in ("a" * 9, "b" * 9)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["one"]


def test_failed_build_leaves_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with built(tmp_path / "cache/one") as folder:
            (folder / "file").write_text("")
            raise BuildError("no")

    with pytest.raises(BuildError):
        asyncio.run(run())
    assert list((tmp_path / "cache").iterdir()) == []


def test_sweep_takes_what_a_killed_builder_left_and_nothing_else(tmp_path: Path) -> None:
    written(tmp_path, {".building-dead/file": "", "whole/file": ""})

    async def run() -> None:
        async with built(tmp_path / "other") as living:
            sweep(tmp_path)
            assert living.exists()

    asyncio.run(run())
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "other"}


# zip functions of the process backend


def wheel(folder: Path, name: str, size: int = 1) -> None:
    """A package index of one package, which needs no network."""
    folder.mkdir(exist_ok=True)
    described = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/__init__.py", "value = 1\n" * size)
        archive.writestr(f"{name}-1.0.dist-info/METADATA", described)
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{name}-1.0.dist-info/WHEEL", tags)
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")


def made(state: Path, configuration: FunctionConfiguration) -> tuple[Path, list[str]]:
    said: list[str] = []
    return Path(asyncio.run(Packages(state).make(configuration, said.append))), said


@pytest.fixture
def index(tmp_path: Path) -> str:
    """Requirements of one package, `testpkg`, from a folder."""
    wheel(tmp_path / "wheels", "testpkg")
    return f"--no-index\n--find-links {tmp_path / 'wheels'}\ntestpkg==1.0\n"


def test_requirements_are_installed_beside_the_code_once(tmp_path: Path, index: str) -> None:
    code = written(tmp_path / "code", {"app.py": "", "requirements.txt": index})
    package, said = made(tmp_path / "state", function(code))
    assert {"app.py", "testpkg/__init__.py"} <= files(package / "task")
    assert list((package / "task/testpkg/__pycache__").glob("*.pyc"))
    assert any(line.startswith("f: Installing collected packages") for line in said)
    assert made(tmp_path / "state", function(code)) == (package, [])


def test_code_covers_a_requirement_of_the_same_name(tmp_path: Path, index: str) -> None:
    own = {"app.py": "", "requirements.txt": index, "testpkg/__init__.py": "own"}
    package, _ = made(tmp_path / "state", function(written(tmp_path / "code", own)))
    assert (package / "task/testpkg/__init__.py").read_text() == "own"


def test_other_code_with_the_same_requirements_installs_nothing(tmp_path: Path) -> None:
    code = written(tmp_path / "code", {"app.py": "", "requirements.txt": "# none\n"})
    first, said = made(tmp_path / "state", function(code))
    assert "f: installing its requirements" in said
    (code / "app.py").write_text("changed = 1")
    second, said = made(tmp_path / "state", function(code))
    assert first != second
    assert said == []


def test_failed_requirements_end_with_pips_last_lines(tmp_path: Path, index: str) -> None:
    wanted = index.replace("testpkg", "nosuchpkg")
    code = written(tmp_path / "code", {"app.py": "", "requirements.txt": wanted})
    with pytest.raises(BuildError, match=r"(?s)f: its requirements cannot be installed.*nosuchpkg"):
        made(tmp_path / "state", function(code))
    assert files(tmp_path / "state") == set()


def test_unzipped_size_is_limited_with_the_requirements(
    tmp_path: Path, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.live.backends.package.UNZIPPED_LIMIT", 1000)
    code = written(tmp_path / "code", {"app.py": "x" * 700, "requirements.txt": index})
    with pytest.raises(BuildError, match="Unzipped size must be smaller than 1000 bytes"):
        made(tmp_path / "state", function(code))


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("numpy==2.0 ; python_version > '3'\n# note\n\ntensorflow-cpu[x]>=2,<3  # why\n", True),
        ("-r other.txt\n", False),
        ("./folder\n", False),
        ("-e .\n", False),
        ("name @ file:///somewhere\n", False),
    ],
)
def test_requirements_that_name_files_are_told_apart(text: str, alone: bool) -> None:
    assert self_contained(text) is alone


def test_runtime_of_another_python_is_told(tmp_path: Path) -> None:
    code = written(tmp_path / "code", {"app.py": ""})
    _, said = made(tmp_path / "state", function(code, runtime="python3.99"))
    assert said == [f"f: names python3.99, runs on this host's {HOST}"]


def test_runtime_of_another_language_needs_an_engine(tmp_path: Path) -> None:
    code = written(tmp_path / "code", {"app.js": ""})
    with pytest.raises(BuildError, match=r"f: the runtime nodejs22\.x needs a Docker engine"):
        made(tmp_path / "state", function(code, runtime="nodejs22.x"))


# image functions of the process backend

BASE = "FROM public.ecr.aws/lambda/python:3.13\n"


def image(context: Path, text: str, **more: object) -> FunctionConfiguration:
    written(context, {"Dockerfile": text})
    source = ImageSource(str(context / "Dockerfile"), str(context))
    return FunctionConfiguration("f", package_type=PackageType.IMAGE, image=source, **more)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    return written(
        tmp_path / "context",
        {"app.py": "", "two.py": "", "src/a.py": "", "src/sub/b.py": "", "layer/python/c.py": ""},
    )


def test_dockerfile_of_copies_and_pip_is_carried_out(
    context: Path, tmp_path: Path, index: str
) -> None:
    written(context, {"requirements.txt": index})
    text = f"""# A comment
{BASE}ARG where=src
ENV MODE=fast NAME="two words"
WORKDIR ${{LAMBDA_TASK_ROOT}}
COPY requirements.txt ./
RUN pip install --no-cache-dir \\
    # in between
    -r requirements.txt --target "${{LAMBDA_TASK_ROOT}}"
COPY app.py ${{LAMBDA_TASK_ROOT}}
COPY $where/ ./lib/
COPY layer /opt/
CMD ["app.handler"]
"""
    state = tmp_path / "state"
    package, said = made(state, image(context, text))
    assert {"app.py", "lib/a.py", "lib/sub/b.py", "testpkg/__init__.py"} <= files(package / "task")
    assert files(package / "opt") == {"python/c.py"}
    read = Packages(state).read(str(package))
    assert (read.handler, read.workdir) == ("app.handler", "/var/task")
    assert read.environment == {"MODE": "fast", "NAME": "two words"}
    assert said[0].startswith("f: no engine builds its image")


def test_command_of_the_configuration_overrides_cmd(context: Path, tmp_path: Path) -> None:
    text = f'{BASE}COPY . /var/task\nCMD ["app.handler"]'
    configuration = image(context, text, image_command=("two.handler",))
    package, _ = made(tmp_path, configuration)
    assert Packages(tmp_path).read(str(package)).handler == "two.handler"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("COPY app.py ./", {"task/app.py"}),
        ("COPY app.py other.py", {"task/other.py"}),
        ("COPY app.py two.py lib/", {"task/lib/app.py", "task/lib/two.py"}),
        ("COPY *.py ./", {"task/app.py", "task/two.py"}),
        ('COPY ["app.py", "./"]', {"task/app.py"}),
        ("COPY --chown=1:1 src lib", {"task/lib/a.py", "task/lib/sub/b.py"}),
        ("WORKDIR sub\nCOPY app.py .", {"task/sub/app.py"}),
        ("COPY layer /opt", {"opt/python/c.py"}),
    ],
)
def test_copy_puts_files_where_docker_does(context: Path, line: str, expected: set[str]) -> None:
    written(context, {"Dockerfile": BASE + line})
    recipe = dockerfile.read(context / "Dockerfile", context)
    assert set(recipe.content) == expected


def test_dockerignore_is_respected(context: Path) -> None:
    written(context, {"Dockerfile": f"{BASE}COPY . .", ".dockerignore": "*\n!src\n**/b.py\n"})
    recipe = dockerfile.read(context / "Dockerfile", context)
    assert set(recipe.content) == {"task/src/a.py"}


@pytest.mark.parametrize(
    "line",
    [
        "FROM debian",
        "RUN yum install -y gcc",
        "RUN pip install numpy && rm -rf /tmp/x",
        "RUN pip install numpy > log",
        "RUN pip install --prefix /usr numpy",
        "RUN pip install --target /elsewhere numpy",
        "COPY app.py /etc/",
        "COPY --from=builder /a /b",
        "WORKDIR /srv",
        "ENTRYPOINT /bin/sh",
        "USER 1000",
        "CMD app.handler",
        "ADD x.tar /var/task",
    ],
)
def test_what_only_an_engine_can_do_is_named_by_line(context: Path, line: str) -> None:
    written(context, {"Dockerfile": f"{BASE}\n{line}\n"})
    expected = re.escape(f"Dockerfile:3: `{line}` needs a Docker engine")
    with pytest.raises(BuildError, match=expected):
        dockerfile.read(context / "Dockerfile", context)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{BASE}COPY nothing.py .", "Dockerfile:2: COPY: nothing.py is not in the context"),
        (f"{BASE}COPY ../secret .", "Dockerfile:2: COPY: ../secret is not in the context"),
        ("COPY app.py .", "has no FROM with an AWS Python image"),
    ],
)
def test_fault_of_a_dockerfile_is_told(context: Path, text: str, message: str) -> None:
    written(context, {"Dockerfile": text})
    with pytest.raises(BuildError, match=re.escape(message)):
        dockerfile.read(context / "Dockerfile", context)


def test_image_without_a_command_cannot_run(context: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no CMD that names the handler"):
        made(tmp_path, image(context, f"{BASE}COPY . ."))


def test_image_that_is_only_named_needs_an_engine(tmp_path: Path) -> None:
    named = FunctionConfiguration("f", package_type=PackageType.IMAGE, image_uri="repo/f:1")
    with pytest.raises(BuildError, match="f: the image repo/f:1 needs a Docker engine"):
        made(tmp_path, named)


def test_a_zip_weighs_what_packing_leaves_of_code_and_layers(tmp_path: Path) -> None:
    code, layer = tmp_path / "code", tmp_path / "layer"
    for folder in (code, layer):
        folder.mkdir()
    (code / "empty.bin").write_bytes(b"\0" * 4_000_000)
    (layer / "noise.bin").write_bytes(random.Random(1).randbytes(2_000_000))
    function = FunctionConfiguration("f", "python3.13", "a.b", code=str(code), layers=(str(layer),))
    assert zipped_mb(function, "sha256:abc") == pytest.approx(2.0, abs=0.05)
    assert zipped_mb(function, str(layer)) == pytest.approx(2.0, abs=0.01)
    assert zipped_mb(function, str(code)) < 0.05
    image = replace(function, package_type=PackageType.IMAGE)
    assert zipped_mb(image, str(layer)) == 0.0


# what goes again


def test_requirements_go_with_the_last_package_that_has_them(tmp_path: Path, index: str) -> None:
    state, key, other = tmp_path / "state", VersionKey.of("f"), VersionKey.of("g")
    code = written(tmp_path / "code", {"app.py": "", "requirements.txt": index})
    bare = written(tmp_path / "bare", {"app.py": ""})

    async def run() -> list[int]:
        packages, found = Packages(state), []

        async def deploy(of: VersionKey, folder: Path) -> None:
            packages.kept.put(of, await packages.make(function(folder), lambda _: None))
            await packages.kept.settled()
            found.append(len(list((state / "requirements").iterdir())))

        packages.kept.keep_only(())
        await deploy(key, code)
        (code / "app.py").write_text("changed = 1")
        await deploy(key, code)
        await deploy(other, code)
        await deploy(key, bare)
        await deploy(other, bare)
        await deploy(key, code)
        await packages.kept.close()
        return found

    assert asyncio.run(run()) == [1, 1, 1, 1, 0, 1]
    assert len(list((state / "packages").glob("[0-9a-f]*"))) == 2


def test_requirements_stay_while_a_package_does_not_tell_which_it_has(
    tmp_path: Path, index: str
) -> None:
    """As an earlier release has made them."""
    state, key = tmp_path / "state", VersionKey.of("f")
    code = written(tmp_path / "code", {"app.py": "", "requirements.txt": index})

    async def run() -> None:
        packages = Packages(state)
        package = await packages.make(function(code), lambda _: None)
        (Path(package) / "requirements.json").unlink()
        packages.kept.put(key, package)
        packages.kept.keep_only({key})
        await packages.kept.settled()
        assert len(list((state / "requirements").iterdir())) == 1
        packages.kept.forget(key)
        await packages.kept.settled()
        assert list((state / "requirements").iterdir()) == []

    asyncio.run(run())
