"""Prepares the build of a function's image: name, Dockerfile and context; runs no build itself."""

from __future__ import annotations

import importlib.resources
import json
import re
import stat
import tarfile
from io import BytesIO
from typing import TYPE_CHECKING

from emulator.errors import BuildError
from emulator.live.backends.package import UNZIPPED_LIMIT, requirements

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import IO

AWS_REGISTRY = "public.ecr.aws/lambda"
FUNCTION_LABEL = "serverless-testbed.function"
PIP_SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")
"""Variables that go from this process's environment into the build, where pip has a mirror."""
TOO_LARGE = "Unzipped size must be smaller than"

_RUNTIME = re.compile(r"([a-z]+)(.*?)(?:\.x)?")
_LOCAL_REQUIREMENT = re.compile(
    r"^\s*(-r|-c|-e|-f|--requirement|--constraint|--find-links|\.|/)|@\s*file:|^\s*file:",
    re.MULTILINE,
)
_VARIABLE = re.compile(r"\$\{?(\w+)(?::-([^}]*))?\}?")
_PIP = [
    *("python3", "-m", "pip", "install", "--no-cache-dir", "--no-compile"),
    *("--disable-pip-version-check", "--target", "/var/task", "-r", "/var/task/requirements.txt"),
]
_FINISH = importlib.resources.files(__package__).joinpath("finish_package.py").read_text()


def runtime_image(runtime: str, registry: str = AWS_REGISTRY) -> str:
    """Returns AWS's base image of a runtime: python3.13 → python:3.13, nodejs22.x → nodejs:22.

    Source: "Base images for Lambda", developer guide. All follow one rule but `provided`, whose
    first version is tagged `alami`.

    Raises:
        BuildError: `runtime` is no runtime's identifier.
    """
    found = _RUNTIME.fullmatch(runtime)
    if found is None:
        raise BuildError(
            f"{runtime!r} is not the identifier of a Lambda runtime, such as python3.13"
        )
    language, version = found.groups()
    return f"{registry}/{language}:{version.lstrip('.') or 'alami'}"


def image_tag(name: str, digest: str) -> str:
    """Returns the tag of a function's own image; the name is for people, the digest decides."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "function"
    return f"serverless-testbed/{readable}:{digest[:32]}"


def split_tag(image: str) -> tuple[str, str]:
    """Returns repository and tag (or digest) of a reference; `latest` where it names none."""
    repository, at, digest = image.partition("@")
    if at:
        return repository, digest
    folder, slash, last = image.rpartition("/")
    name, colon, tag = last.partition(":")
    return f"{folder}{slash}{name}", tag if colon else "latest"


def images_named(dockerfile: str) -> list[str]:
    """Returns the images that a Dockerfile starts from, without `scratch` and its own stages."""
    arguments: dict[str, str] = {}
    stages = {"scratch"}
    found = []
    for line in dockerfile.replace("\\\n", " ").splitlines():
        words = [word for word in line.split() if not word.startswith("--")]
        match [words[0].upper() if words else "", *words[1:]]:
            case ["ARG", setting]:
                name, _, value = setting.partition("=")
                arguments[name] = value.strip("\"'")
            case ["FROM", image, *rest]:
                named = _expanded(image, arguments)
                if named and named not in stages:
                    found.append(named)
                if len(rest) == 2:  # noqa: PLR2004  # AS name
                    stages.add(rest[1])
    return list(dict.fromkeys(found))


def _expanded(word: str, arguments: Mapping[str, str]) -> str:
    for _ in range(2):  # a default may name a variable
        word = _VARIABLE.sub(lambda m: arguments.get(m[1]) or m[2] or "", word)
    return word


def zip_dockerfile(name: str, base: str, runtime: str, content: Mapping[str, Path]) -> str:
    """Returns the Dockerfile of a zip function, for a context that `write_context` wrote.

    Raises:
        BuildError: a custom runtime without its executable, or requirements that are not text.
    """
    lines = [f"FROM {base}"]
    if any(path.startswith("opt/") for path in content):
        lines.append("COPY opt/ /opt/")
    python = runtime.startswith("python")
    wanted = requirements(content) if python else None
    if wanted is not None:
        lines += [f"ARG {setting}" for setting in PIP_SETTINGS]
        # an edit of the code alone must not install everything again
        local = _LOCAL_REQUIREMENT.search(_text(name, wanted))
        lines.append("COPY task/ /var/task/" if local else "COPY task/requirements.txt /var/task/")
        lines.append(f"RUN {json.dumps(_PIP)}")
    lines.append("COPY task/ /var/task/")
    if python:
        lines.append(
            f"RUN {json.dumps(['python3', '-c', _FINISH, str(UNZIPPED_LIMIT), TOO_LARGE])}"
        )
    if runtime.startswith("provided"):
        lines.append(f"COPY {_bootstrap(name, content)} /var/runtime/bootstrap")
    return "\n".join(lines) + "\n"


def _text(name: str, path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"{name}: {path} cannot be read: {error}") from error


def _bootstrap(name: str, content: Mapping[str, Path]) -> str:
    for path in ("task/bootstrap", "opt/bootstrap"):
        if path in content:
            return path
    raise BuildError(f"{name}: a custom runtime's code needs an executable named bootstrap")


def write_context(file: IO[bytes], dockerfile: str, content: Mapping[str, Path]) -> None:
    """Writes the build's context as a tar file, readable by the user of sandboxes."""
    with tarfile.open(fileobj=file, mode="w", dereference=True) as archive:
        for folder in ("task", "opt"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, path in content.items():
            with path.open("rb") as source:
                entry = archive.gettarinfo(arcname=name, fileobj=source)
                entry.mode = 0o755 if entry.mode & stat.S_IXUSR else 0o644
                entry.uid = entry.gid = 0
                entry.uname = entry.gname = ""
                archive.addfile(entry, source)
        text = dockerfile.encode()
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(text)
        archive.addfile(entry, BytesIO(text))
    file.seek(0)
