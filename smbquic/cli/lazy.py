"""A group of commands that are imported when they are called."""

from collections import UserDict
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from smbquic.cli.collection import no_collection
from smbquic.cli.command import CliGroup


class LazyCommand(NamedTuple):
    """The place of a command, as ``module:name``, and its summary in the help of the group."""

    place: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, name = self.place.partition(":")
        with no_collection():
            command: click.Command = getattr(import_module(module), name)
        return command


class _Commands(UserDict[str, Any]):
    """The commands of a group by name, as click expects them; each is imported on access."""

    def __getitem__(self, name: str) -> click.Command:
        lazy: LazyCommand = self.data[name]
        return lazy.load()


class LazyGroup(CliGroup):
    """A group whose help is written without importing its commands."""

    def __init__(
        self, *arguments: Any, lazy_commands: Mapping[str, LazyCommand], **attributes: Any
    ) -> None:
        super().__init__(*arguments, commands=_Commands(lazy_commands), **attributes)
        self._lazy_commands = lazy_commands

    def summaries(self) -> list[tuple[str, str]]:
        """Return the names of the commands in order, each with its summary."""
        return sorted((name, lazy.summary) for name, lazy in self._lazy_commands.items())

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Return the commands and options that begin with a text."""
        found = [
            CompletionItem(name, help=summary)
            for name, summary in self.summaries()
            if name.startswith(incomplete)
        ]
        # Without those of `click.Group`, which would import each command.
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the name and summary of each command."""
        with formatter.section("Commands"):
            formatter.write_dl(self.summaries())
