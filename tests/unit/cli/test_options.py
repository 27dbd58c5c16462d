"""The options of the command line that are made of the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import pytest
from click.testing import CliRunner

from smbquic.cli.command import command
from smbquic.cli.options import Given, takes
from smbquic.options.kinds import Duration, FilePath
from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class CommandOptions(Options):
    """Some options."""

    loud: Annotated[bool, Option("Shout.", flag="--loud")] = False
    careful: Annotated[bool, Option("Look.", help="Do not look.", flag="--no-care")] = True
    policy: Annotated[str, Option("How.", flag="--always", on="always")] = "never"
    colour: Annotated[Literal["red", "blue"], Option("Which.", flag="--colour")] = "red"
    version: Annotated[int, Option("Which.", flag="--level", choices={"one": 1, "two": 2})] = 2
    wait: Annotated[
        float, Option("How long.\n\nMore.", unit="seconds", minimum=0.5, flag="--wait")
    ] = 7.0
    size: Annotated[int | None, Option("How much.", flag="--size", maximum=9)] = None
    names: Annotated[Sequence[str], Option("Whose.", flag="--name", metavar="NAME")] = ()
    some: Annotated[Sequence[str], Option("What.", choices=("a", "b"), flag="--some")] = ("a",)
    place: Annotated[Path | None, Option("Where.", flag="--place", environment="PLACE")] = None
    log: Annotated[
        Path | None, Option("Where.", flag="--log", kind=FilePath("written"), default="nowhere")
    ] = None
    late: Annotated[bool, Option("When.", flag="--late/--early")] = False
    pause: Annotated[float, Option("How long.", kind=Duration(), flag="--pause")] = 1.0
    hidden: Annotated[int, Option("Not on the command line.")] = 3


def run(*arguments: str, files_exist: bool = False, **environment: str) -> tuple[str, Any]:
    """Run a command; return its output, and the options that it got."""
    found: list[Given] = []

    @command("try")
    @takes(CommandOptions, files_exist=files_exist)
    def attempt(*, given: Given) -> None:
        found.append(given)

    result = CliRunner(env=environment).invoke(attempt, arguments)
    return result.output, found[0][CommandOptions] if found else None


def test_only_what_is_given_is_handed_over() -> None:
    assert run() == ("", {})


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["--loud"], {"loud": True}),
        (["--late"], {"late": True}),
        (["--early"], {"late": False}),
        (["--pause", "2m"], {"pause": 120.0}),
        (["--no-care"], {"careful": False}),
        (["--always"], {"policy": "always"}),
        (["--colour", "red"], {"colour": "red"}),
        (["--level", "one"], {"version": 1}),
        (["--wait", "1"], {"wait": 1.0}),
        (["--size", "9"], {"size": 9}),
        (["--name", "x", "--name", "y"], {"names": ("x", "y")}),
        (["--some", "b,a"], {"some": ("b", "a")}),
        (["--place", "x"], {"place": Path("x")}),
        (["--log", "x"], {"log": Path("x")}),
        (["--log", "-"], {"log": None}),
    ],
)
def test_values_are_those_of_the_model(arguments: list[str], given: dict[str, Any]) -> None:
    assert run(*arguments) == ("", given)
    CommandOptions(**given)


def test_the_environment_gives_too() -> None:
    assert run(PLACE="x")[1] == {"place": Path("x")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--colour", "green"], "'green' is not one of 'red', 'blue'"),
        (["--wait", "0.1"], "0.1 is not in the range x>=0.5"),
        (["--size", "10"], "10 is not in the range 0<=x<=9"),
        (["--some", "c"], "'c' is not one of a, b"),
    ],
)
def test_wrong_values_are_usage_errors(arguments: list[str], words: str) -> None:
    output, given = run(*arguments)
    assert words in output
    assert given is None


def test_a_file_may_have_to_be_there() -> None:
    assert "does not exist" in run("--place", "/nowhere/x", files_exist=True)[0]
    assert run("--log", "/nowhere/x", files_exist=True)[0] == ""


def test_the_help_is_that_of_the_model() -> None:
    lines = [" ".join(line.split()) for line in run("--help")[0].splitlines()]
    for line in (
        "--no-care Do not look.",
        "--colour [red|blue] Which. [default: red]",
        "--wait SECONDS How long. [default: 7.0; x>=0.5]",
        "--name NAME Whose. Repeatable.",
        "--some NAME,... What: some of a, b. [default: a]",
        "--place FILE Where. [env var: PLACE]",
        "--log FILE Where. [default: (nowhere)]",
    ):
        assert line in lines
    assert not any("hidden" in line for line in lines)


def test_click_is_told_the_type() -> None:
    @takes(CommandOptions)
    def attempt(*, given: Given) -> None: ...

    types = {each.name: each.type for each in click.command()(attempt).params}
    assert isinstance(types["size"], click.IntRange)
    assert isinstance(types["wait"], click.FloatRange)
