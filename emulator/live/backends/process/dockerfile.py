"""Reads a Dockerfile that needs no engine: files copied over an AWS Python image, and pip.

Without an engine, an image function can still run if its Dockerfile only copies files to
/var/task and /opt, installs requirements, and sets variables. Anything else is refused by line.
This module reads and refuses; it copies and installs nothing.
Source: the Dockerfile reference.
"""

from __future__ import annotations

import glob
import json
import posixpath
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.errors import BuildError
from emulator.live.backends.package import files_below
from emulator.live.backends.process.dockerignore import ignored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TASK_ROOT = "/var/task"
_PLACES = {TASK_ROOT: "task", "/opt": "opt"}
_PYTHON_IMAGE = re.compile(
    r"(\S+/)?(lambda/python|aws-lambda-python)(:\S+)?(@\S+)?( AS \S+)?", re.IGNORECASE
)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_FLAGS = re.compile(
    r"-U|--upgrade|-q|--quiet|--no-cache-dir|--no-compile|--no-deps|--pre|--prefer-binary"
    r"|--require-hashes|--no-input|--disable-pip-version-check|--break-system-packages"
    r"|--(root-user-action|progress-bar|only-binary|no-binary|index-url|extra-index-url"
    r"|trusted-host|find-links|timeout|retries|requirement|constraint)=.*"
)
_OPTIONS = frozenset({"-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "-f"})
_OPTIONS |= {"--extra-index-url", "--find-links", "--trusted-host", "--only-binary"}
_OPTIONS |= {"--no-binary", "--root-user-action", "--progress-bar"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Holds what a Dockerfile asks for."""

    content: Mapping[str, Path]
    """The source of each file, by its path in the package: `task/…` is /var/task, `opt/…` /opt."""
    pip: tuple[tuple[str, ...], ...]
    """The arguments of each `pip install`, without a target."""
    environment: Mapping[str, str]
    workdir: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    keyword: str
    rest: str


def read(dockerfile: Path, context: Path) -> Recipe:
    """Reads `dockerfile`, whose COPY instructions name files below `context`.

    Raises:
        BuildError: The file cannot be read, or has an instruction that only an engine can carry
            out.
    """
    try:
        text = dockerfile.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"{dockerfile} cannot be read: {error}") from error
    reader = _Reader(dockerfile, context)
    for line in _lines(text):
        reader.take(line)
    return reader.recipe()


def _lines(text: str) -> Iterator[_Line]:
    """Yields the instructions, with continued lines joined and comments dropped."""
    parts: list[str] = []
    first = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        stripped = raw.strip()
        if not stripped or stripped.startswith("#"):
            continue
        first = number if not parts else first
        parts.append(stripped.removesuffix("\\"))
        if not stripped.endswith("\\"):
            keyword, _, rest = " ".join(parts).strip().partition(" ")
            yield _Line(first, keyword.upper(), rest.strip())
            parts = []


@dataclass(slots=True)
class _Reader:
    """Takes one instruction after another and gathers the recipe."""

    dockerfile: Path
    context: Path
    content: dict[str, Path] = field(default_factory=dict)
    pip: list[tuple[str, ...]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    workdir: str = TASK_ROOT
    command: tuple[str, ...] = ()
    based: bool = False

    def take(self, line: _Line) -> None:
        rest = line.rest if line.keyword in ("CMD", "LABEL") else self._substituted(line.rest)
        match line.keyword:
            case "FROM" if not self.based and _PYTHON_IMAGE.fullmatch(_unflagged(rest)):
                self.based = True
            case "ARG":
                name, _, value = rest.partition("=")
                self.arguments[name.strip()] = value.strip().strip("\"'")
            case "ENV":
                self.environment |= self._variables(line, rest)
            case "WORKDIR":
                self.workdir = posixpath.normpath(posixpath.join(self.workdir, rest))
                if not self._placed(line, self.workdir).startswith("task"):
                    raise self._refused(line, "it is not in /var/task")
            case "COPY":
                self._copy(line, rest)
            case "RUN":
                self.pip.append(self._pip(line, rest))
            case "CMD":
                self.command = self._words(line, rest)
            case "LABEL" | "MAINTAINER":
                pass
            case _:
                raise self._refused(line)

    def recipe(self) -> Recipe:
        if not self.based:
            raise BuildError(
                f"{self.dockerfile} has no FROM with an AWS Python image, such as "
                "public.ecr.aws/lambda/python:3.13; others need a Docker engine"
            )
        return Recipe(self.content, tuple(self.pip), self.environment, self.workdir, self.command)

    def _refused(self, line: _Line, why: str = "") -> BuildError:
        shown = f"{line.keyword} {line.rest}"
        reason = f" ({why})" if why else ""
        return BuildError(
            f"{self.dockerfile}:{line.number}: `{shown}` needs a Docker engine{reason}; without "
            "one, only FROM an AWS Python image, COPY to /var/task or /opt, RUN pip install, ENV, "
            "WORKDIR and CMD are carried out"
        )

    def _substituted(self, text: str) -> str:
        known = {"LAMBDA_TASK_ROOT": TASK_ROOT, "LAMBDA_RUNTIME_DIR": "/var/runtime"}
        known |= self.arguments | self.environment
        return _VARIABLE.sub(lambda found: known.get(found[1] or found[2], ""), text)

    def _placed(self, line: _Line, path: str) -> str:
        """Returns the path in a package of an absolute path of the image: `task/…` or `opt/…`."""
        for place, name in _PLACES.items():
            if path == place or path.startswith(f"{place}/"):
                return name + path[len(place) :]
        raise self._refused(line, f"{path} is neither in /var/task nor in /opt")

    def _words(self, line: _Line, text: str) -> tuple[str, ...]:
        """Splits an instruction, in its JSON form or in the form that a shell would split."""
        try:
            words = json.loads(text) if text.startswith("[") else shlex.split(text)
        except ValueError:
            raise self._refused(line, "it cannot be read") from None
        if line.keyword == "CMD" and not text.startswith("["):
            raise self._refused(line, 'it is not of the form CMD ["module.function"]')
        return tuple(str(word) for word in words)

    def _variables(self, line: _Line, rest: str) -> dict[str, str]:
        words = self._words(line, rest)
        if words and "=" not in words[0]:  # the old form: ENV name the rest of the line
            name, _, value = rest.partition(" ")
            return {name: value.strip()}
        return dict(word.partition("=")[::2] for word in words)

    def _copy(self, line: _Line, rest: str) -> None:
        words = list(self._words(line, rest))
        while words and words[0].startswith("--chown="):  # a function reads what is not its own
            del words[0]
        if len(words) < 2 or words[0].startswith("--"):  # noqa: PLR2004
            raise self._refused(line)
        *patterns, target = words
        sources = [source for pattern in patterns for source in self._sources(line, pattern)]
        place = self._placed(line, posixpath.normpath(posixpath.join(self.workdir, target)))
        # a folder is what ends in a slash, what takes several files, and what is there already
        into_folder = target.endswith(("/", ".")) or len(sources) > 1 or self._is_folder(place)
        kept = ignored(self.context)
        for source in sources:
            for name, path in self._files(source):
                below = name or (source.name if into_folder else "")
                if not kept(path.relative_to(self.context).as_posix()):
                    self.content[posixpath.join(place, below) if below else place] = path

    def _sources(self, line: _Line, pattern: str) -> list[Path]:
        relative = posixpath.normpath(pattern.lstrip("/") or ".")
        found = glob.glob(relative, root_dir=self.context, include_hidden=True)  # noqa: PTH207
        if relative.startswith("..") or not found:
            raise BuildError(
                f"{self.dockerfile}:{line.number}: COPY: {pattern} is not in the context "
                f"{self.context}"
            )
        return [self.context / name for name in sorted(found)]

    def _files(self, source: Path) -> Iterator[tuple[str, Path]]:
        if source.is_dir():
            yield from files_below(source)
        else:
            yield "", source

    def _is_folder(self, place: str) -> bool:
        return place in _PLACES.values() or any(
            name.startswith(f"{place}/") for name in self.content
        )

    def _pip(self, line: _Line, rest: str) -> tuple[str, ...]:
        """Returns the arguments of a `pip install`, which must be all that the line does."""
        text = re.sub(r"^(--mount=type=cache\S* +)+", "", rest)
        if not text.startswith("[") and _uses_shell(text):
            raise self._refused(line, "it uses the shell")
        words = list(self._words(line, text))
        if words[1:2] == ["-m"] and words[0].startswith("python"):
            del words[:2]
        if words[:2] not in (["pip", "install"], ["pip3", "install"]):
            raise self._refused(line)
        return tuple(self._pip_arguments(line, words[2:]))

    def _pip_arguments(self, line: _Line, words: list[str]) -> Iterator[str]:
        remaining = iter(words)
        for word in remaining:
            name, _, value = word.partition("=")
            if name in ("-t", "--target"):
                target = posixpath.join(self.workdir, value or next(remaining, ""))
                if posixpath.normpath(target) != TASK_ROOT:
                    raise self._refused(line, "its target is not /var/task")
            elif word in _OPTIONS:
                yield word
                yield next(remaining, "")
            elif not word.startswith("-") or _FLAGS.fullmatch(word):
                yield word
            else:
                raise self._refused(line, f"{name} is not known here")


def _uses_shell(text: str) -> bool:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return "`" in text or any(set(token) <= set("();<>|&") for token in lexer if token)
    except ValueError:  # a quote is open
        return True


def _unflagged(rest: str) -> str:
    return re.sub(r"^(--platform=\S+ +)", "", rest)
