"""The command lines of the shell: words, quotes, and commands for the local machine.

The syntax is smbclient's. Words are separated by spaces, and double quotes keep spaces and
semicolons in a word; ``""`` inside them is a quotation mark. A backslash is a separator of paths,
and no escape. A semicolon ends a command. What follows ``!`` or ``|`` is a command for this
machine's `sh`, up to the next semicolon that is not in quotes of `sh`.

A command that begins with ``-`` may fail, as in batch files of sftp.
"""

import re
from dataclasses import field

from smbquic.lazy_dataclass import dataclass

LOCAL = "!"
PIPE = "|"
END = ";"
MAY_FAIL = "-"
COMMENT = "#"
QUOTE = '"'
SPACES = " \t\r\n"
SPECIAL = frozenset(SPACES + PIPE + END + QUOTE)
"""Characters that a word has only in quotes."""

_OF_SH = re.compile(r"""(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^;])*""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """A command of a line: the verb with its arguments, and a command for this machine's `sh`.

    With words, their output goes to `local`, if that is not None. Without words, `local` is run;
    the empty one is a shell of this machine.
    """

    words: tuple[str, ...]
    local: str | None = None
    may_fail: bool = False


@dataclass(slots=True)
class Words:
    """The words of a command, as far as it goes.

    `last` is a word that nothing has ended yet; None after a space. `quoted` says that a quotation
    mark is not closed, and `local` that what was read last is a command for `sh`.
    """

    words: list[str] = field(default_factory=list)
    last: str | None = None
    quoted: bool = False
    local: bool = False

    def end_word(self) -> None:
        """End the last word."""
        if self.last is not None:
            self.words.append(self.last)
        self.last = None


def parse(line: str) -> list[ShellCommand]:
    """Return the commands of a line. Raises ValueError for a line that is none."""
    found: list[ShellCommand] = []
    rest = line.lstrip(SPACES)
    if rest.startswith(COMMENT):
        return found
    while rest:
        command, rest = _command(rest)
        if command is not None:
            found.append(command)
    return found


def quote(word: str) -> str:
    """Return a word as it has to be typed."""
    if word and not SPECIAL & set(word) and word[0] not in LOCAL + MAY_FAIL + COMMENT:
        return word
    return f"{QUOTE}{word.replace(QUOTE, 2 * QUOTE)}{QUOTE}"


def last_command(line: str) -> Words:
    """Return the command that a line ends with, as far as it was typed."""
    words, rest = Words(), line
    while rest:
        _, rest = _without_mark(rest)
        words, rest = (Words(), rest) if rest.startswith(LOCAL) else _words(rest)
        if rest.startswith((LOCAL, PIPE)):
            _, rest = _local(rest[1:])
            words.local = True
        if rest.startswith(END):
            words, rest = Words(), rest[1:]
    return words


def _command(text: str) -> tuple[ShellCommand | None, str]:
    """Return the first command of a text, if there is one, and what follows it."""
    may_fail, text = _without_mark(text)
    if text.startswith(LOCAL):
        local, rest = _local(text[1:])
        return ShellCommand((), local, may_fail), rest[1:]
    words, rest = _words(text)
    if words.quoted:
        raise ValueError('a quotation mark is not closed: write another "')
    words.end_word()
    if rest.startswith(PIPE):
        local, rest = _local(rest[1:])
        if not words.words or not local:
            raise ValueError("a | has a command before it, and one of this machine after it")
        return ShellCommand(tuple(words.words), local, may_fail), rest[1:]
    if not words.words:
        if may_fail:
            raise ValueError("there is no command after the -")
        return None, rest[1:]
    return ShellCommand(tuple(words.words), None, may_fail), rest[1:]


def _without_mark(text: str) -> tuple[bool, str]:
    """Return whether a command may fail, and the command itself."""
    text = text.lstrip(SPACES)
    return text.startswith(MAY_FAIL), text.removeprefix(MAY_FAIL).lstrip(SPACES)


def _words(text: str) -> tuple[Words, str]:
    """Return the words before the first ``;`` or ``|`` that is not in quotes, and the rest."""
    found = Words()
    place = 0
    while place < len(text):
        character = text[place]
        place += 1
        if character == QUOTE:
            if found.quoted and text[place : place + 1] == QUOTE:
                found.last = (found.last or "") + QUOTE
                place += 1
                continue
            found.quoted = not found.quoted
            found.last = found.last or ""
        elif found.quoted or character not in SPECIAL:
            found.last = (found.last or "") + character
        elif character in SPACES:
            found.end_word()
        else:
            return found, text[place - 1 :]
    return found, ""


def _local(text: str) -> tuple[str, str]:
    """Return the command for `sh` at the beginning of a text, and the rest."""
    found = _OF_SH.match(text)
    assert found is not None
    return found[0].strip(), text[found.end() :]
