"""`docs/reference/configuration.md`, made from the options that may stand in the file."""

from collections.abc import Iterator

from smbquic.config.schema import SECTIONS, Section

_HEAD = """\
# The configuration file

`smbquic serve -c FILE` reads it. It is TOML and strictly checked: whatever is not listed here is an
error, which names the line and what to do. Paths are relative to the file. Options on the command
line win over it; `--share`, `--user`, `--name` and `--target-name` add to it.

This page is made from `smbquic/options`, and a test compares the two:
`python -m smbquic.config > docs/reference/configuration.md`.
"""


def reference() -> str:
    """The page."""
    lines = [_HEAD]
    for section in SECTIONS:
        lines += _described(section)
    return "\n".join(lines)


def _described(section: Section) -> Iterator[str]:
    yield f"## `{section.header}`\n" if section.name else "## The top of the file\n"
    yield f"{section.text}\n"
    if not section.keys:
        return
    yield "| key | value | default | |"
    yield "|---|---|---|---|"
    for key, option in section.keys.items():
        assert option.kind is not None
        default = "**required**" if option.required else option.default_text
        yield f"| `{key}` | {option.kind.written} | {default} | {option.text} |"
    yield ""
