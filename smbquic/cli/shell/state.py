"""What the verbs of the shell work with: the share, the two folders, and the settings."""

import sys
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import field
from pathlib import Path
from typing import Any

from smbquic.cli.client import Client
from smbquic.cli.output import as_json_line, printable
from smbquic.cli.report import Report
from smbquic.cli.shell.history import History
from smbquic.cli.shell.masks import has_wildcard
from smbquic.cli.shell.output import Output
from smbquic.cli.shell.verb import VerbTable
from smbquic.client.names import from_local, split_path, to_local
from smbquic.client.share import Share
from smbquic.client.streams import read_chunks
from smbquic.client.url import SmbUrl
from smbquic.lazy_dataclass import dataclass

_ANSWER = 1 << 10
"""Bytes of the answer to a question."""


@dataclass(slots=True)
class ShellSettings:
    """What the user can switch while the shell runs, with the values of smbclient."""

    recurse: bool = False
    prompt: bool = True
    lowercase: bool = False
    mask: str = "*"
    timeout: float | None = None


@dataclass(slots=True)
class Shell:
    """The state of a shell. `folder` is a path in the share."""

    client: Client
    share: Share
    url: SmbUrl
    verbs: VerbTable
    interactive: bool
    history: History = field(default_factory=History)
    settings: ShellSettings = field(default_factory=ShellSettings)
    folder: str = ""
    local_folder: Path = field(default_factory=Path.cwd)
    output: Output = field(default_factory=Output)
    ended: bool = False

    @property
    def prompt(self) -> str:
        """The text before a line that is typed."""
        return f"{printable(self.share.name)}:{printable('/' + self.folder)}> "

    def remote(self, text: str) -> str:
        """Return the path that a text means, seen from the folder of the shell.

        Its names are those of POSIX, as in URLs. Raises `PathError`.
        """
        names = text.replace("\\", "/")
        base = "" if names.startswith("/") else self.folder
        escaped = "/".join(map(from_local, names.split("/")))
        return "/".join(split_path(f"{base}/{escaped}"))

    def remote_mask(self, text: str) -> tuple[str, str]:
        """Return the folder and the mask that a text means; the mask of a folder itself is "".

        Raises `PathError`.
        """
        above, _, last = text.replace("\\", "/").rpartition("/")
        if not has_wildcard(last):
            folder, _, name = self.remote(text).rpartition("/")
            return folder, name
        folder = self.remote(f"{above}/") if above or text.startswith(("/", "\\")) else self.folder
        return folder, last

    def local(self, text: str) -> Path:
        """Return the local path that a text means, seen from the local folder."""
        return self.local_folder / Path(text).expanduser()

    def local_name(self, path: str) -> str:
        """Return the name that a file of the share gets here. Raises `SecurityError`."""
        name = to_local(path.rpartition("/")[2])
        return name.lower() if self.settings.lowercase else name

    async def show(self, document: Mapping[str, Any], *lines: str) -> None:
        """Write a result: as lines, or with --json as a document."""
        if self.client.as_json:
            await self.output.line(as_json_line(document))
            return
        for line in lines:
            await self.output.line(line)

    async def end(self, report: Report) -> None:
        """Write the summary of a report. Raises `PartialFailure` if anything failed."""
        await self.show(report.document(), report.summary())
        report.raise_failures()

    async def confirm(self, question: str) -> bool:
        """Ask about one of several files, if the user is there and wants to be asked."""
        if not (self.interactive and self.settings.prompt):
            return True
        await self.output.flush()
        sys.stderr.write(f"{question} (y/N) ")
        sys.stderr.flush()
        async with aclosing(read_chunks(sys.stdin.fileno(), 1)) as characters:
            answer = bytearray()
            async for character in characters:
                if character == b"\n" or len(answer) == _ANSWER:
                    break
                answer += character
        return bytes(answer).strip().lower() in (b"y", b"yes")
