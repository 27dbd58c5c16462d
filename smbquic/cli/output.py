"""Prints results on standard output: text for people, or JSON for programs.

Any of it may contain text from a peer: names, reasons, messages. So all of it passes `visible` or
`emit`, which escape characters that control a terminal, begin a new line or change the direction
of text.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from smbquic.storage.names import unescape


def emit(document: Mapping[str, Any] | list[Any]) -> None:
    """Print a JSON document, or an event, on one line."""
    click.echo(as_json_line(document))
    sys.stdout.flush()


def as_json_line(document: Mapping[str, Any] | list[Any]) -> str:
    """Return a JSON document on one line, of printable characters only."""
    text = json.dumps(document, ensure_ascii=False, default=str)
    # JSON leaves most of it as it is: DEL, C1, the marks for the direction of text. Bytes of a name
    # that are not UTF-8 are surrogates, which cannot be written at all.
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escaped(c) for c in text)
    return text


def _escaped(character: str) -> str:
    """Return a character as JSON escapes it in ASCII, and DEL, which JSON does not escape."""
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


def as_line(text: str) -> str:
    """Return a message as one line for standard error."""
    return f"smbquic: {visible(' '.join(text.split()))}"


def warn(text: str) -> None:
    """Print a warning on standard error; nothing happens where that is closed."""
    with contextlib.suppress(OSError):
        click.echo(as_line(text), err=True)


def finish_standard_error() -> None:
    """Write what is left for standard error, or drop it where that cannot be written.

    Otherwise the interpreter would try again when it ends, and exit with 120.
    """
    try:
        sys.stderr.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stderr.fileno())
        os.close(null)


def occupy_standard_descriptors() -> None:
    """Open /dev/null as those of standard input, output and error that the caller has closed.

    Otherwise the next files and sockets would get these numbers, and output would be written to
    them; uvloop aborts then. `sys.stdout` stays None, so that lost output is an error.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  (until the program ends)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


class StandardOutput(io.RawIOBase):
    """Standard output that raises an `OSError` with its name when writing fails, but only once.

    Otherwise the interpreter would try to write the rest again when it ends, and print a message of
    its own.
    """

    NAME = "standard output"

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.failure: OSError | None = None
        self._descriptor = descriptor

    @classmethod
    def install(cls) -> "StandardOutput":
        """Replace `sys.stdout`, which is None where the caller has closed it."""
        before = sys.stdout
        output = cls(before.fileno() if before is not None else -1)
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(output),
            encoding=before.encoding if before is not None else "utf-8",
            errors=before.errors if before is not None else "strict",
            line_buffering=output.isatty(),
        )
        return output

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        if self._descriptor < 0:
            raise io.UnsupportedOperation("standard output is closed")
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._descriptor >= 0 and os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """Write some of the data. Raises `OSError` the first time that this fails."""
        if self.failure is not None:
            return len(data)
        try:
            return os.write(self._descriptor, data)
        except OSError as error:
            self.failure = OSError(error.errno, error.strerror, self.NAME)
            raise self.failure from None


def size(count: float) -> str:
    """Return a number of bytes in a readable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def counted(count: int, singular: str) -> str:
    """Return a number with its noun: 1 file, 2 files."""
    return f"{count} {singular}{'' if count == 1 else 's'}"


def shown(name: str) -> str:
    """Return a name on a share as a POSIX server has it on its disk."""
    return unescape(name)


def printable(name: str) -> str:
    """Return a name from a server, with control characters escaped."""
    return visible(shown(name))


def visible(text: str) -> str:
    """Return a text as one line, with every character escaped that is not printable."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    # U+DC80..DCFF stand for single bytes that are no UTF-8.
    return f"\\x{code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code:02x}"
