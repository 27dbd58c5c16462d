"""`docs/reference/command-line.md`, made from the commands themselves."""

import inspect
import sys
from collections.abc import Iterator

import click

from smbquic.cli.failure import ExitCode
from smbquic.cli.main import cli

_EXIT_CODES = {
    ExitCode.DONE: "all of it is done",
    ExitCode.PARTLY: "some of it failed; each failure was reported",
    ExitCode.USAGE: "the command line, the configuration or the URL will not do",
    ExitCode.AUTHENTICATION: "the logon was refused",
    ExitCode.TRANSPORT: "no connection, or a certificate that will not do",
    ExitCode.REFUSED: "the server said no, and the NTSTATUS says why",
    ExitCode.INTERRUPTED: "interrupted",
}
_EXAMPLE = "\b\n"
"""What click puts before a paragraph that is not to be wrapped."""


def page() -> str:
    """The whole page."""
    common = _common_options()
    lines = [
        "# The command line",
        "",
        "This page is made from the commands, and a test compares the two:",
        "`python -m smbquic.cli.reference > docs/reference/command-line.md`.",
        "",
        "Exit codes:",
        "",
        *_table(("code", ""), ((str(int(code)), text) for code, text in _EXIT_CODES.items())),
    ]
    root = click.Context(cli, info_name="smbquic")
    for context in _commands(root):
        lines += ["", *_section(context, common)]
    lines += [
        "",
        "## The client options",
        "",
        "Every command that is a client takes them; what is about QUIC has no effect over TCP.",
        "",
        *_table(("option", ""), common),
    ]
    return "\n".join(lines) + "\n"


def _commands(parent: click.Context) -> Iterator[click.Context]:
    group = parent.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent)
        if isinstance(command, click.Group):
            yield from _commands(context)
        else:
            yield context


def _common_options() -> list[tuple[str, str]]:
    """The options that `ls` and all its like have: they are those of `client_command`."""
    command = cli.commands["stat"]
    return _options(click.Context(command, info_name="stat"))


def _options(context: click.Context) -> list[tuple[str, str]]:
    records = [
        option.get_help_record(context)
        for option in context.command.params
        if isinstance(option, click.Option)
    ]
    return [record for record in records if record is not None]


def _section(context: click.Context, common: list[tuple[str, str]]) -> Iterator[str]:
    usage = " ".join(context.command.collect_usage_pieces(context))
    yield f"## `{context.command_path} {usage}`"
    for paragraph in inspect.cleandoc(context.command.help or "").split("\n\n"):
        yield ""
        if paragraph.startswith(_EXAMPLE):
            yield "```sh"
            yield paragraph.removeprefix(_EXAMPLE)
            yield "```"
        else:
            yield paragraph
    options = _options(context)
    # One or two that another command happens to have in the same words make it no client.
    shared = [option for option in options if option in common] if common[0] in options else []
    own = [option for option in options if option not in shared]
    if own:
        yield ""
        yield from _table(("option", ""), own)
    if shared == common:
        yield ""
        yield "And [the client options](#the-client-options)."
    elif shared:
        names = ", ".join(f"`{name.split()[0]}`" for name, _ in shared)
        yield ""
        yield f"And of [the client options](#the-client-options) {names}."


def _table(
    head: tuple[str, str], rows: Iterator[tuple[str, str]] | list[tuple[str, str]]
) -> Iterator[str]:
    yield f"| {head[0]} | {head[1]} |"
    yield "|---|---|"
    for name, text in rows:
        shown = name.replace("|", "\\|")
        yield f"| `{shown}` | {text} |"


if __name__ == "__main__":
    sys.stdout.write(page())
