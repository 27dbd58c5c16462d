"""`docs/reference/command-line.md`, made from the commands themselves."""

import sys
from collections.abc import Iterator

import click

from smbquic.cli.command import OWN, sections
from smbquic.cli.description import EXIT_CODES, is_client, paragraphs, root, subcommands, usage
from smbquic.options.headings import COMMON, CONNECTION, TLS

_CLIENT_HEADINGS = (COMMON, CONNECTION, TLS)

Records = list[tuple[str, str]]


def page() -> str:
    """Return the page."""
    commands = list(_commands(root()))
    # `ls` and all its like have the same: those of `client_command`.
    client = _sections(next(each for each in commands if each.info_name == "stat"))
    lines = [
        "# The command line",
        "",
        "This page is made from the commands, and a test compares the two:",
        "`python -m smbquic.cli.reference > docs/reference/command-line.md`.",
        "",
        "Exit codes:",
        "",
        *_table(("code", ""), ((str(int(code)), text) for code, text in EXIT_CODES.items())),
        "",
        "`-v` and `-h` may follow every command, and `--json` most of them.",
    ]
    for context in commands:
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


def _commands(group: click.Context) -> Iterator[click.Context]:
    """Return all commands that are not groups."""
    for context in subcommands(group):
        if isinstance(context.command, click.Group):
            yield from _commands(context)
        else:
            yield context


def _sections(context: click.Context) -> dict[str, Records]:
    return sections(context.command, context)


def _section(context: click.Context, client: dict[str, Records]) -> Iterator[str]:
    yield f"## `{context.command_path} {usage(context)}`"
    for text, example in paragraphs(context):
        language = "sh" if "smbquic " in text else "text"
        yield from ("", f"```{language}", text, "```") if example else ("", text)
    found = _sections(context)
    for heading, records in found.items():
        if heading == COMMON or (is_client(context) and heading in _CLIENT_HEADINGS):
            continue
        yield ""
        if heading != OWN:
            yield f"{heading}:"
            yield ""
        yield from _table(("option", ""), records)
    if not is_client(context):
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
