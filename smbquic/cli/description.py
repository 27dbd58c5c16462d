"""The descriptions of the commands for the reference page and the manual pages."""

import inspect
from collections.abc import Iterator
from typing import NamedTuple

import click

from smbquic.cli.failure import ExitCode
from smbquic.cli.main import cli

EXIT_CODES = {
    ExitCode.DONE: "all of it is done",
    ExitCode.PARTLY: "some of it failed; each failure was reported",
    ExitCode.USAGE: "the command line, the configuration or the URL will not do",
    ExitCode.AUTHENTICATION: "the logon was refused",
    ExitCode.TRANSPORT: "no connection, or a certificate that will not do",
    ExitCode.REFUSED: "the server said no, and the NTSTATUS says why",
    ExitCode.INTERRUPTED: "interrupted",
}
_EXAMPLE = "\b\n"
"""The line that click expects before a paragraph that is not to be wrapped."""


class Paragraph(NamedTuple):
    """A paragraph of a command's help. The lines of an `example` stay as they are."""

    text: str
    example: bool


def root() -> click.Context:
    """Return the context of the program itself."""
    return click.Context(cli, info_name="smbquic", **cli.context_settings)


def subcommands(group: click.Context) -> Iterator[click.Context]:
    """Return a context for each command of a group."""
    command = group.command
    assert isinstance(command, click.Group)
    for name in command.list_commands(group):
        found = command.get_command(group, name)
        assert found is not None
        yield click.Context(found, info_name=name, parent=group)


def usage(context: click.Context) -> str:
    """Return what follows the name of a command in its usage line."""
    return " ".join(context.command.collect_usage_pieces(context))


def paragraphs(context: click.Context) -> Iterator[Paragraph]:
    """Return the help of a command, without its options."""
    for text in inspect.cleandoc(context.command.help or "").split("\n\n"):
        yield Paragraph(text.removeprefix(_EXAMPLE), text.startswith(_EXAMPLE))


def is_client(context: click.Context) -> bool:
    """Return whether a command has the options of clients."""
    return any(each.name == "timeout" for each in context.command.params)
