"""`docs/reference/configuration.md`, made from the options that may stand in the files."""

from collections.abc import Iterator

from smbquic.config.profiles import PROFILES
from smbquic.config.schema import SECTIONS
from smbquic.config.section import Section

_HEAD = """\
# The configuration files

There is one of the server and one of the client. Both are TOML and strictly checked: whatever is
not listed here is an error, which names the line and what to do. Paths are relative to the file;
`~` at the beginning is the home folder. Options on the command line win over the file.

This page is made from `smbquic/options`, and a test compares the two:
`python -m smbquic.config > docs/reference/configuration.md`.
"""


_SERVER = """\
## The server's file

`smbquic serve -c FILE` reads it. `--share`, `--user`, `--name` and `--target-name` add to it.
"""

_CLIENT = """\
## The client's file

It has profiles: `smbquic get fs:report.pdf .` uses the table `[profiles.fs]`. The file is
`~/.config/smbquic/config.toml`, or in `XDG_CONFIG_HOME`; on macOS it is in
`~/Library/Application Support/smbquic`, on Windows in `%APPDATA%\\smbquic`. `--config FILE` and
`SMBQUIC_CONFIG` name another one. `smbquic config show NAME:` says where each value comes from.

Of `password`, `password_file`, `authentication_file` and `keyring` there is one at most. A file
with a password is refused if others can read it.
"""


def reference() -> str:
    """Return the page."""
    lines = [_HEAD, _SERVER]
    for section in SECTIONS:
        lines += _described(section)
    lines.append(_CLIENT)
    lines += _described(PROFILES)
    return "\n".join(lines)


def _described(section: Section) -> Iterator[str]:
    yield f"### `{section.header}`\n" if section.name else "### The top of the file\n"
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
