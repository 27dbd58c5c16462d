"""The manual pages in `docs/man`, made from the commands themselves.

``python -m smbquic.cli.manual docs/man`` writes them, in the macros of man(7).
"""

import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

import smbquic
from smbquic.cli.command import sections
from smbquic.cli.description import (
    EXIT_CODES,
    is_client,
    paragraphs,
    root,
    subcommands,
    usage,
)

SECTION = 1
_DATE = "2026-11-29"
"""When the pages were last reviewed, as man(7) wants a date at the foot of each."""
_WIDTH = 70
# What has a meaning in roff, or becomes another character when it is typeset.
_ESCAPES = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}

_FILES = {"~/.config/smbquic/config.toml": "the profiles of the client"}
_ENVIRONMENT = {
    "SMBQUIC_PASSWORD": "the password",
    "SMBQUIC_CA": "the authorities that are trusted, as with --ca",
    "SMBQUIC_CRL": "revocation lists, as with --crl",
    "SMBQUIC_CONFIG": "another file than config.toml, as with --config",
    "SSLKEYLOGFILE": "a file to which the client appends TLS secrets, for Wireshark",
    "QLOGDIR": "a folder in which the client writes a qlog trace of each QUIC connection",
}


def pages() -> dict[str, str]:
    """Return the pages by the names of their files: the program's, and one for each command."""
    program = root()
    contexts = [program, *subcommands(program)]
    return {f"{_name(each)}.{SECTION}": _page(each) for each in contexts}


def _name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _page(context: click.Context) -> str:
    name = _name(context)
    title = _quoted(name.upper())
    lines = [
        '.\\" Made from the commands: python -m smbquic.cli.manual docs/man',
        f'.TH {title} {SECTION} "{_DATE}" "smbquic {smbquic.__version__}" "smbquic"',
        ".SH NAME",
        *_wrapped(f"{name} - {_summary(context)}"),
        ".SH SYNOPSIS",
        *_usage(context),
        ".SH DESCRIPTION",
        *_text(context),
    ]
    if isinstance(context.command, click.Group):
        lines += [".SH COMMANDS", *_commands(context)]
    lines += _options(context, ".SH")
    lines += [
        ".SH EXIT STATUS",
        *_terms({str(int(code)): text for code, text in EXIT_CODES.items()}),
    ]
    if is_client(context) or context.parent is None:
        lines += [".SH ENVIRONMENT", *_terms(_ENVIRONMENT), ".SH FILES", *_terms(_FILES)]
    lines += [".SH SEE ALSO", *_see_also(context)]
    return "\n".join(lines) + "\n"


def _summary(context: click.Context) -> str:
    """Return the first sentence of a command's help as apropos(1) lists it."""
    text = context.command.get_short_help_str(limit=1000).removesuffix(".")
    return text if text[1].isupper() else text[0].lower() + text[1:]


def _usage(context: click.Context) -> Iterator[str]:
    yield f".B {_escaped(context.command_path)}"
    yield from _wrapped(usage(context))


def _text(context: click.Context) -> Iterator[str]:
    for number, (text, example) in enumerate(paragraphs(context)):
        if number:
            yield ".PP"
        if example:
            yield from (".RS 4", ".EX", *map(_line, text.split("\n")), ".EE", ".RE")
        else:
            yield from _wrapped(text)


def _commands(context: click.Context) -> Iterator[str]:
    """Describe the commands of a group. Those of the program have pages of their own."""
    for each in subcommands(context):
        if context.parent is None:
            text = each.command.get_short_help_str(limit=1000)
            yield from (".TP", f".BR {_escaped(_name(each))} ({SECTION})", *_wrapped(text))
            continue
        yield f".SS {_quoted(each.command_path)}"
        yield from _usage(each)
        yield ".PP"
        yield from _text(each)
        yield from _options(each, ".PP\n.B")


def _options(context: click.Context, heading: str) -> Iterator[str]:
    for title, records in sections(context.command, context).items():
        shown = title.upper() if heading == ".SH" else title
        yield f"{heading} {_quoted(shown)}"
        yield from _terms(dict(records))


def _terms(described: Mapping[str, str]) -> Iterator[str]:
    for term, text in described.items():
        yield from (".TP", f".B {_escaped(term)}", *_wrapped(text))


def _see_also(context: click.Context) -> Iterator[str]:
    parent = context.parent
    if parent is None:
        yield from _wrapped("https://pypi.org/project/smbquic/")
        return
    yield f".BR {_escaped(_name(parent))} ({SECTION})"


def _wrapped(text: str) -> list[str]:
    return [
        _line(line)
        for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    ]


def _line(text: str) -> str:
    """Return a line of text, which is no request even if it begins with a point."""
    escaped = _escaped(text)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


def _escaped(text: str) -> str:
    return "".join(
        _ESCAPES.get(character, character) if character.isascii() else f"\\[u{ord(character):04X}]"
        for character in text
    )


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def write(folder: Path) -> None:
    """Write all pages into a folder, and remove those of commands that do not exist any more."""
    made = pages()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"*.{SECTION}"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
