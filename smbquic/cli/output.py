"""Where results go: words for people, or JSON for programs, on standard output.

What a peer chose can be in any of it: names, reasons, messages. So everything passes `visible`, or
`emit`, on its way to a terminal: no character steers one, begins a line of its own, or turns the
direction of the text around.
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
    """One JSON document, or one event, on a line of its own."""
    text = json.dumps(document, ensure_ascii=False, default=str)
    # JSON leaves most of it as it is: DEL, C1, the marks for the direction of text. Bytes of a name
    # that are not UTF-8 are surrogates, which cannot be written at all.
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escaped(c) for c in text)
    click.echo(text)
    sys.stdout.flush()


def _escaped(character: str) -> str:
    """As JSON writes it in ASCII, which leaves DEL alone."""
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


def as_line(text: str) -> str:
    """What the program says on standard error: one line."""
    return f"smbquic: {visible(' '.join(text.split()))}"


def warn(text: str) -> None:
    """One line for people on standard error; lost where nobody can read that."""
    with contextlib.suppress(OSError):
        click.echo(as_line(text), err=True)


def occupy_standard_descriptors() -> None:
    """Open what a caller has closed of standard input, output and errors on /dev/null.

    Else the next files and sockets get these numbers, and what is written to standard output goes
    there; uvloop ends the program for it. `sys.stdout` stays None: what is lost has to be told.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  (for as long as we run)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


class StandardOutput(io.RawIOBase):
    """Standard output whose first failure is an `OSError` that names it, and the only one.

    Else the interpreter, when it ends, would try again to write what is left, and say that in its
    own way.
    """

    NAME = "standard output"

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.failure: OSError | None = None
        self._descriptor = descriptor

    @classmethod
    def install(cls) -> "StandardOutput":
        """Put it in the place of `sys.stdout`, which is None where the caller has closed it."""
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
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        if self._descriptor < 0:
            raise io.UnsupportedOperation("standard output is closed")
        return self._descriptor

    def isatty(self) -> bool:
        """Whether somebody looks at it."""
        return self._descriptor >= 0 and os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """Write some of it. Raises `OSError` the first time that this fails."""
        if self.failure is not None:
            return len(data)
        try:
            return os.write(self._descriptor, data)
        except OSError as error:
            self.failure = OSError(error.errno, error.strerror, self.NAME)
            raise self.failure from None


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def counted(count: int, singular: str) -> str:
    """A number of things: 1 file, 2 files."""
    return f"{count} {singular}{'' if count == 1 else 's'}"


def shown(name: str) -> str:
    """A name on a share as it is on the server's disk, if that runs a POSIX system."""
    return unescape(name)


def printable(name: str) -> str:
    """A name from a server, with what would steer a terminal made visible."""
    return visible(shown(name))


def visible(text: str) -> str:
    """A text on one line, with every character escaped that is not seen as itself."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    # U+DC80..DCFF stand for single bytes that are no UTF-8.
    return f"\\x{code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code:02x}"
