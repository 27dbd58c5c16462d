"""`docs/reference/command-line.md`, made from the commands themselves."""

import inspect
import sys
from collections.abc import Iterator

import click

from smbquic.cli.command import OWN, sections
from smbquic.cli.failure import ExitCode
from smbquic.cli.main import cli
from smbquic.options.headings import COMMON, CONNECTION, TLS

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
"""The line that click expects before a paragraph that is not to be wrapped."""


_CLIENT_HEADINGS = (COMMON, CONNECTION, TLS)

Records = list[tuple[str, str]]


def page() -> str:
    """Return the page."""
    root = click.Context(cli, info_name="smbquic", **cli.context_settings)
    # `ls` and all its like have the same: those of `client_command`.
    client = _sections(click.Context(cli.commands["stat"], parent=root))
    lines = [
        "# The command line",
        "",
        "This page is made from the commands, and a test compares the two:",
        "`python -m smbquic.cli.reference > docs/reference/command-line.md`.",
        "",
        "Exit codes:",
        "",
        *_table(("code", ""), ((str(int(code)), text) for code, text in _EXIT_CODES.items())),
        "",
        "`-v` and `-h` may follow every command, and `--json` most of them.",
    ]
    for context in _commands(root):
        lines += ["", *_section(context, client)]
    lines += [
        "",
        "## The client options",
        "",
        "Every command that is a client takes them; what is about QUIC has no effect over TCP.",
    ]
    for heading in _CLIENT_HEADINGS:
        lines += ["", f"{heading}:", "", *_table(("option", ""), client[heading])]
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


def _sections(context: click.Context) -> dict[str, Records]:
    return sections(context.command, context)


def _section(context: click.Context, client: dict[str, Records]) -> Iterator[str]:
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
    found = _sections(context)
    is_client = any(each.name == "timeout" for each in context.command.params)
    for heading, records in found.items():
        if heading == COMMON or (is_client and heading in _CLIENT_HEADINGS):
            continue
        yield ""
        if heading != OWN:
            yield f"{heading}:"
            yield ""
        yield from _table(("option", ""), records)
    if not is_client:
        return
    yield ""
    missing = [
        f"`{next(word for word in names.split() if word.startswith('--'))}`"
        for heading in _CLIENT_HEADINGS
        for names, text in client[heading]
        if (names, text) not in found[heading]
    ]
    without = f", without {', '.join(missing)}" if missing else ""
    yield f"And [the client options](#the-client-options){without}."


def _table(head: tuple[str, str], rows: Iterator[tuple[str, str]] | Records) -> Iterator[str]:
    yield f"| {head[0]} | {head[1]} |"
    yield "|---|---|"
    for name, text in rows:
        shown = name.replace("|", "\\|")
        yield f"| `{shown}` | {text} |"


if __name__ == "__main__":
    sys.stdout.write(page())
