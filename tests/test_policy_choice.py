from __future__ import annotations

import re
from pathlib import Path

import pytest

from emulator.core.policies.catalogue import POLICIES
from emulator.core.policies.fixed import Fixed
from emulator.core.policies.prewarming import Prewarming
from emulator.errors import SettingsError
from emulator.policy_choice import chosen
from tests.core.scheduler_host import Host

MINE = """
from dataclasses import dataclass

from emulator.core.policies.interface import Policy


@dataclass(eq=False)
class Mine(Policy):
    seconds: float = 5.0

    def idle(self, sandbox, now, chance):
        return self.seconds


class Forgetful(Policy):
    def __init__(self):
        self.seen = 0


class TooFew(Policy):
    def idle(self, sandbox):
        return 5.0


class WithoutKeyword(Policy):
    def lost(self, sandbox, now):
        pass


class Tolerant(Policy):
    def lost(self, *args, **kwargs):
        pass


class Other:
    pass


def function():
    pass
"""


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "lifetime"])
def test_policies_of_ours_are_found_by_name(name: str) -> None:
    choice = chosen(name)
    assert choice is not None
    assert type(choice.make()) is POLICIES[name]
    assert choice.make() is not choice.make()
    assert (choice.text, choice.source) == (name, "")


def test_without_a_policy_the_lifetime_decides() -> None:
    assert chosen("lifetime") is None


def test_parameters_stand_behind_the_name() -> None:
    fixed, spare = chosen("fixed:seconds=1.5"), chosen("prewarming:spare=3")
    assert fixed is not None
    assert spare is not None
    one, other = fixed.make(), spare.make()
    assert isinstance(one, Fixed)
    assert one.seconds == 1.5
    assert isinstance(other, Prewarming)
    assert other.spare == 3


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("fifo", "policy 'fifo' is neither FILE.py:CLASS nor one of lifetime, fixed,"),
        ("", "policy '' is neither FILE.py:CLASS nor one of lifetime, fixed,"),
        ("mine.py", "policy 'mine.py' is neither FILE.py:CLASS nor one of"),
        ("fixed:600", "policy fixed:600: '600' is no parameter, such as seconds=600"),
        ("fixed:a b=6", "policy fixed:a b=6: 'a b=6' is no parameter, such as seconds=600"),
        ("fixed:seconds=x", "policy fixed:seconds=x: seconds must be a number, not 'x'"),
        ("fixed:seconds=", "policy fixed:seconds=: seconds must be a number, not ''"),
        ("fixed:seconds=-1", "policy fixed:seconds=-1: seconds must be 0 or more, not -1"),
        ("fixed:seconds=nan", "policy fixed:seconds=nan: seconds must be 0 or more, not nan"),
        ("lru:size=6", "policy lru:size=6: .*unexpected keyword argument 'size'"),
        ("provisioned:timetable=8x5", "policy provisioned:.*: '8x5' is no entry of a timetable"),
    ],
)
def test_what_is_wrong_with_a_name_is_told(text: str, fault: str) -> None:
    with pytest.raises(SettingsError, match=f"^{fault}"):
        chosen(text)


def test_class_in_a_file_of_the_users_is_found(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    choice = chosen(f"{file}:Mine:seconds=7")
    assert choice is not None
    assert choice.make().idle(None, 0.0, None) == 7  # type: ignore[arg-type]
    assert choice.source == MINE
    assert chosen(f"{file}:Tolerant") is not None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("Missing", "policy file {file} has no class Missing"),
        ("Other", "policy file {file}: Other is no subclass of emulator.core.policies.interface.P"),
        ("function", "policy file {file}: function is no subclass of"),
        (
            "TooFew",
            (
                "policy file {file}: TooFew.idle must take (self, sandbox, now, chance), and takes "
                "(self, sandbox)"
            ),
        ),
        (
            "WithoutKeyword",
            (
                "policy file {file}: WithoutKeyword.lost must take (self, sandbox, now, evicted), "
                "and takes (self, sandbox, now)"
            ),
        ),
        ("Forgetful", "policy {file}:Forgetful: its __init__ must call super().__init__()"),
        ("Mine:minutes=1", "policy {file}:Mine:minutes=1: "),
    ],
)
def test_what_is_wrong_with_a_class_is_told(tmp_path: Path, name: str, fault: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    with pytest.raises(SettingsError, match=f"^{re.escape(fault.format(file=file))}"):
        chosen(f"{file}:{name}")


def test_what_is_wrong_with_a_file_is_told(tmp_path: Path) -> None:
    missing, faulty, broken = (tmp_path / name for name in ("a.py", "b.py", "c.py"))
    faulty.write_text("class Mine(\n")
    broken.write_text("import no_such_module\n")
    for file, fault in (
        (missing, "No such file or directory"),
        (faulty, "SyntaxError: "),
        (broken, "ModuleNotFoundError: No module named 'no_such_module'"),
    ):
        with pytest.raises(SettingsError, match=f"^policy file {re.escape(str(file))}: {fault}"):
            chosen(f"{file}:Mine")


def test_example_of_the_documentation_is_a_policy(tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "docs" / "policies.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "mine.py"
    file.write_text(example)
    choice = chosen(f"{file}:Mine:most=90")
    assert choice is not None
    host = Host(policy=choice)
    host.idle(0, 1)
    assert host.scheduler.next_deadline() == 60.0
    host.invoke(10, "again")
    host.finish(11, 1, "again")
    assert host.scheduler.next_deadline() == 11 + 90.0
    assert all(f"`{name}`" in text for name in POLICIES)
