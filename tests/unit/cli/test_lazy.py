"""Commands that are imported when they are asked for."""

import sys

import click
import pytest

from smbquic.cli.lazy import LazyCommand, LazyGroup
from smbquic.cli.main import cli

CONTEXT = click.Context(cli, info_name="smbquic")


@pytest.fixture
def group() -> LazyGroup:
    return LazyGroup(
        "tools",
        lazy_commands={
            "second": LazyCommand("smbquic.cli.listing:ls", "Do one thing."),
            "first": LazyCommand("no.such.module:command", "Do another."),
        },
    )


def test_the_help_imports_no_command(group: LazyGroup) -> None:
    help_of_group = group.get_help(click.Context(group, info_name="tools"))
    assert help_of_group.endswith("Commands:\n  first   Do another.\n  second  Do one thing.")


def test_a_command_is_imported_when_it_is_looked_up(group: LazyGroup) -> None:
    context = click.Context(group, info_name="tools")
    assert group.list_commands(context) == ["first", "second"]
    assert group.get_command(context, "second") is sys.modules["smbquic.cli.listing"].ls
    assert group.get_command(context, "third") is None
    with pytest.raises(ModuleNotFoundError):
        group.get_command(context, "first")


@pytest.mark.parametrize("name", cli.list_commands(CONTEXT))
def test_the_help_of_the_program_says_what_the_command_says(name: str) -> None:
    command = cli.get_command(CONTEXT, name)
    assert command is not None
    assert command.name == name
    assert (name, command.get_short_help_str(limit=100)) in cli.summaries()
