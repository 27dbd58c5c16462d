"""Reads the lines that are typed: with readline where there is one, which completes words.

docs/decisions/0046-the-shell.md
"""

import sys
from collections.abc import Callable
from typing import Any, Protocol

from smbquic.cli.shell.history import History

Complete = Callable[[str, str], list[str]]
"""Returns what a part of a line may become: the end of the line, which goes up to the cursor."""

BREAKS = " \t\n/\\;|"
"""Characters after which the part of a line begins that a completion replaces.

Not the quotation mark: GNU readline would end a completion with another one.
"""


class Editor(Protocol):
    """Something that reads a line."""

    def read(self, prompt: str) -> str:
        """Return a line. Raises `EOFError` after Ctrl-D, `KeyboardInterrupt` after Ctrl-C."""


class PlainEditor:
    """Reads lines without readline. The prompt is on standard error: output may be redirected."""

    def read(self, prompt: str) -> str:
        """Return a line."""
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            _end_line()
            raise EOFError
        return line.rstrip("\r\n")


class ReadlineEditor:
    """Reads lines with the standard library's `readline`, which may be GNU's or libedit's."""

    def __init__(self, readline: Any, history: History, complete: Complete) -> None:
        self._readline = readline
        self._history = history
        self._complete = complete
        self._found: list[str] = []
        readline.set_auto_history(False)
        readline.set_completer_delims(BREAKS)
        readline.set_completer(self._next)
        is_libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
        for line in history.lines:
            readline.add_history(line)

    def read(self, prompt: str) -> str:
        """Return a line."""
        try:
            line = input(prompt)
        except EOFError:
            _end_line()
            raise
        if self._history.add(line):
            self._readline.add_history(line)
        return line

    def _next(self, part: str, number: int) -> str | None:
        """Return one completion after the other, as readline asks for them."""
        if number == 0:
            line = self._readline.get_line_buffer()[: self._readline.get_endidx()]
            self._found = self._complete(line, part)
        return self._found[number] if number < len(self._found) else None


def _end_line() -> None:
    """End the line with the prompt, on which Ctrl-D was typed."""
    sys.stderr.write("\n")


def editor(history: History, complete: Complete) -> Editor:
    """Return the best editor that there is."""
    if not sys.stdout.isatty():
        return PlainEditor()
    try:
        import readline
    except ImportError:
        return PlainEditor()
    return ReadlineEditor(readline, history, complete)
