from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from emulator.cli.option_groups import with_groups


@dataclass(frozen=True, slots=True)
class Weather:
    sun: Annotated[int, typer.Option(min=1, help="Shine so long.")] = 3
    rain: Annotated[bool, typer.Option("--rain", help="Rain.")] = False


@dataclass(frozen=True, slots=True)
class Rain:
    rain: Annotated[int, typer.Option(help="Rain so much.")] = 0


def forecast(
    place: Annotated[str, typer.Argument(help="Where.")] = "here",
    *,
    first: Annotated[int, typer.Option(help="First.")] = 0,
    weather: Weather,
    last: Annotated[int, typer.Option(help="Last.")] = 9,
) -> int:
    """Tell the weather."""
    print(place, first, weather, last)
    return 0


def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(with_groups(forecast))
    return made


def test_options_of_a_group_stand_in_its_place() -> None:
    command = typer.main.get_command(app())
    names = [str(each.name) for each in command.params]
    assert names[:5] == ["place", "first", "sun", "rain", "last"]
    assert command.help == "Tell the weather."


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], f"here 0 {Weather()} 9\n"),
        (["there", "--sun", "2", "--last", "8"], f"there 0 {Weather(sun=2)} 8\n"),
        (["--rain", "--first", "1"], f"here 1 {Weather(rain=True)} 9\n"),
    ],
)
def test_command_receives_its_groups_filled(words: list[str], told: str) -> None:
    assert CliRunner().invoke(app(), words).output == told


def test_limits_of_an_option_hold_in_a_group() -> None:
    assert CliRunner().invoke(app(), ["--sun", "0"]).exit_code == 2


def test_two_groups_with_an_option_of_one_name_are_refused() -> None:
    def ambiguous(*, weather: Weather, more: Rain) -> int:
        return weather.sun + more.rain

    ambiguous.__annotations__ = {"weather": Weather, "more": Rain, "return": int}
    with pytest.raises(ValueError, match="duplicate parameter name: 'rain'"):
        with_groups(ambiguous)
