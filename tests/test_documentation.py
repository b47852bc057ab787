"""Pages tell what is there: tests, files, links, commands with their options, rooms of the code."""

from __future__ import annotations

import configparser
import importlib
import re
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from emulator.cli.app import app
from emulator.config import Settings
from emulator.experiments.simulation.behaviours import read_behaviours
from emulator.policy_choice import chosen

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "functions").glob("*/README.md"),
    ]
)
_HISTORY = {ROOT / "CHANGELOG.md"}  # tells also of what has gone since
_OTHER_PROGRAMS = {  # options that pages name in the middle of a sentence, and whose they are
    "--endpoint-url": "aws",
    "--target": "pip",
    "--from": "uvx",
    "--unshare-net": "bwrap",
    "--whole": "functions/study-2018/python/zip_package.py",
}
_TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("page", ["faults.md", "security.md"])
def test_tests_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)`", text)
    assert named
    assert [name for name in named if name not in _TESTS] == []


def test_files_of_tests_that_the_page_of_faults_names_are_there() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    files = set(re.findall(r"`([\w/]+\.py)`", text)) - {"tests/test_documentation.py"}
    assert files
    assert [file for file in files if not (ROOT / "tests" / file).is_file()] == []


def _each_page() -> list[object]:
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES]


@pytest.mark.parametrize("page", _each_page())
def test_links_of_a_page_lead_to_files_and_headings(page: Path) -> None:
    assert [link for link in _links(page) if not _leads_somewhere(page, link)] == []


def _links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(_text(page))):
        if not re.match(r"[a-z]+:", target):
            yield target


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not heading or heading in _headings(_text(target))


def _headings(text: str) -> set[str]:
    """Returns the anchors of the headings, made as GitHub makes them."""
    titles = re.findall(r"^#+ +(.+)$", _prose(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", _each_page())
def test_commands_of_a_page_exist_with_their_options(page: Path) -> None:
    assert [line for line in _commands(_text(page)) if not _is_understood(line)] == []


def _commands(text: str) -> Iterator[str]:
    """Yields lines of blocks that begin with `testbed`, and code within sentences that does."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        command = re.match(r"(?: {4})?(?:\$ )?(?:[A-Z_]+=(?:\"[^\"]*\"|\S+) )*(testbed .*)", line)
        if command:
            yield command[1]
    yield from re.findall(r"`(testbed [^`]+)`", re.sub(r"\s+", " ", _prose(text)))


def _is_understood(line: str) -> bool:
    words = re.split(r"\s(?:#|\||>|&&|;)\s|  ", line)[0].split()[1:]
    while words and words[0].startswith("-"):
        if words.pop(0) not in _options()["testbed"]:
            return False
    if not words or not re.fullmatch(r"[a-z-]+", words[0]):
        return not words  # "`testbed …`"
    options = _options().get(words[0])
    return options is not None and _fits(words[0], options, words[1:])


def _fits(command: str, options: dict[str, bool], words: list[str]) -> bool:
    """Returns whether a command has the options in some words, and takes as many arguments."""
    arguments = 0
    given = iter(word.strip("[],)…") for word in words)
    for word in given:
        name, _, value = word.partition("=")
        if not word.startswith("-"):
            arguments += bool(word)
        elif name not in options:
            return name == "--help"
        elif not value and options[name]:
            next(given, None)
    return arguments <= _arguments()[command] or "'" in " ".join(words)  # words in quotes are one


@cache
def _options() -> dict[str, dict[str, bool]]:
    """Returns each command's options, and whether each takes a value; "testbed": before them."""
    before = {option: False for each in _group().params for option in each.opts}
    known = {
        name: {
            option: not each.is_flag
            for each in command.params
            if each.param_type_name == "option"
            for option in (*each.opts, *each.secondary_opts)
        }
        for name, command in _group().commands.items()
    }
    return {
        **known,
        "testbed": before | {"-h": False, "--help": False, "--install-completion": False},
    }


@cache
def _arguments() -> dict[str, int]:
    """Returns how many arguments each command takes at most."""
    return {
        name: sum(
            1 if each.nargs > 0 else 8
            for each in command.params
            if each.param_type_name == "argument"
        )
        for name, command in _group().commands.items()
    }


@cache
def _group() -> Any:
    return typer.main.get_command(app)


@pytest.mark.parametrize("page", _each_page())
def test_options_that_a_page_mentions_belong_to_a_command(page: Path) -> None:
    known = set().union(*_options().values()) | set(_OTHER_PROGRAMS)
    mentioned = re.findall(r"`(--[a-z][a-z-]+)", _prose(_text(page)))
    assert [option for option in mentioned if option not in known] == []


@pytest.mark.parametrize("page", _each_page())
def test_targets_of_make_that_a_page_names_are_in_the_makefile(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", _text(ROOT / "Makefile"), flags=re.MULTILINE))
    named = re.findall(r"(?:^|`|test` |bare )make ([a-z-]+)", _text(page), flags=re.MULTILINE)
    assert [name for name in named if name not in targets] == []


@pytest.mark.parametrize("page", [page for page in _each_page() if page.values[0] not in _HISTORY])  # type: ignore[attr-defined]
def test_files_of_the_project_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"[` ]([\w.-]+/[\w./-]+)", _text(page))
    assert [path for path in named if _is_ours(path) and not _is_there(path)] == []


def _is_ours(path: str) -> bool:
    first = path.split("/", maxsplit=1)[0]
    return first in {"studies", "locustfiles", "tests", "docs", "docker", ".ci", "emulator"} or (
        first in _ROOMS and "." not in path.removesuffix(".py")
    )


_ROOMS = {each.name for each in (ROOT / "emulator").iterdir() if each.is_dir()}


def _is_there(path: str) -> bool:
    path = path.rstrip(".")
    places = (ROOT, ROOT / "emulator", ROOT / "tests")
    return any((place / (path + end)).exists() for place in places for end in ("", ".py"))


@pytest.mark.parametrize("page", _each_page())
def test_modules_that_a_page_names_can_be_imported(page: Path) -> None:
    named = set(re.findall(r"\bemulator(?:\.[a-z_0-9]+)+", _text(page)))
    assert [name for name in sorted(named) if not _is_module_or_of_one(name)] == []


def _is_module_or_of_one(name: str) -> bool:
    if _is_there(name.replace(".", "/")):
        return True
    module, _, member = name.rpartition(".")
    return _is_there(module.replace(".", "/")) and hasattr(importlib.import_module(module), member)


@pytest.mark.parametrize("page", _each_page())
def test_variables_that_a_page_names_are_read_somewhere(page: Path) -> None:
    named = set(re.findall(r"\bTESTBED_[A-Z_]*[A-Z]\b", _text(page)))
    assert sorted(named - _variables()) == []


@cache
def _variables() -> set[str]:
    settings = {f"TESTBED_{each.name.upper()}" for each in fields(Settings)}
    files = [ROOT / "Makefile", ROOT / "setup.py", ROOT / "docker-compose.yml"]
    for folder in ("emulator", "tests", "docker", ".ci", "locustfiles"):
        files += [file for file in (ROOT / folder).rglob("*") if file.suffix in {".py", ".sh", ""}]
    texts = (file.read_text(encoding="utf-8", errors="ignore") for file in files if file.is_file())
    return settings.union(*(re.findall(r"\bTESTBED_[A-Z_]*[A-Z]\b", text) for text in texts))


def test_policy_that_a_page_shows_can_be_chosen(tmp_path: Path) -> None:
    shown = re.search(r"```python\n(.*?)```", _text(ROOT / "docs" / "policies.md"), re.DOTALL)
    assert shown
    file = tmp_path / "mine.py"
    file.write_text(shown[1], encoding="utf-8")
    choice = chosen(f"{file}:Mine:most=300")
    assert choice
    assert getattr(choice.make(), "most", None) == 300


def test_behaviours_that_a_page_shows_can_be_read(tmp_path: Path) -> None:
    shown = re.search(r"```toml\n(.*?)```", _text(ROOT / "docs" / "simulate.md"), re.DOTALL)
    assert shown
    file = tmp_path / "behaviours.toml"
    file.write_text(shown[1], encoding="utf-8")
    assert read_behaviours(file).entries


def test_index_lists_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in _links(index)}
    pages = set((ROOT / "docs").rglob("*.md")) - {index}
    assert sorted(str(page.relative_to(ROOT)) for page in pages - listed) == []


def test_map_of_the_code_names_every_package() -> None:
    named = set(re.findall(r"`([a-z_/0-9]+)`", _text(ROOT / "docs" / "architecture.md")))
    packages = (file.parent for file in (ROOT / "emulator").rglob("__init__.py"))
    rooms = {str(each.relative_to(ROOT / "emulator")) for each in packages} - {"."}
    assert sorted(room for room in rooms if not {room, f"emulator/{room}"} & named) == []


@pytest.mark.parametrize("wing", ["live-wings", "experiments-wings"])
def test_map_of_the_code_has_the_layers_that_are_checked(wing: str) -> None:
    told = _order_within(wing.removesuffix("-wings")).replace(" and ", " ")
    assert re.findall(r"\w+", told) == re.findall(r"\w+", _layers(wing))


def test_map_of_the_code_names_every_part_of_the_scheduler() -> None:
    parts = re.findall(r"\w+(?= |$)", _layers("scheduler").replace("\n", " "))
    assert parts
    assert [part for part in parts if part not in _order_within("core")] == []


def _layers(contract: str) -> str:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    return contracts[f"importlinter:contract:{contract}"]["layers"]


def _order_within(room: str) -> str:
    """Returns the sentence in which the map tells who imports whom within a room."""
    text = re.sub(r"\s+", " ", _text(ROOT / "docs" / "architecture.md"))
    order = re.search(rf"- `{room}`: (.*?)\.(?: |$)", text)
    assert order
    return order[1]


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _prose(text: str) -> str:
    """Returns a page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
