"""What a verb of the shell is: its names, its arguments, its help and its function."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import Enum, auto
from typing import Final

import click

from smbquic.cli.failure import ExitCode
from smbquic.cli.output import visible
from smbquic.lazy_dataclass import dataclass


class VerbError(click.ClickException):
    """Raised for a command line of the shell that will not do."""

    exit_code = ExitCode.USAGE


class ArgumentKind(Enum):
    """What an argument is, which says how it is completed."""

    REMOTE = auto()
    REMOTE_FOLDER = auto()
    LOCAL = auto()
    LOCAL_FOLDER = auto()
    VERB = auto()
    TEXT = auto()


_KINDS: Final = {
    "FILE": ArgumentKind.REMOTE,
    "MASK": ArgumentKind.REMOTE,
    "NEW": ArgumentKind.REMOTE,
    "FOLDER": ArgumentKind.REMOTE_FOLDER,
    "LOCAL": ArgumentKind.LOCAL,
    "LOCAL_FOLDER": ArgumentKind.LOCAL_FOLDER,
    "VERB": ArgumentKind.VERB,
}
"""The kinds of arguments by their names in usage lines; others are texts."""


_OF_SH = (
    ("! [COMMAND]", "Run a command of this machine."),
    ("VERB ... | COMMAND", "Have one read what a verb writes."),
)
"""What `sh` does, which is in the help beside the verbs."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a verb."""

    name: str
    optional: bool = False
    repeated: bool = False

    @property
    def kind(self) -> ArgumentKind:
        """What it is."""
        return _KINDS.get(self.name, ArgumentKind.TEXT)

    @property
    def choices(self) -> tuple[str, ...]:
        """The texts that it may be; empty if it may be any."""
        is_name = self.name.isupper() and "|" not in self.name
        return () if is_name else tuple(self.name.split("|"))

    @classmethod
    def parse(cls, text: str) -> "Argument":
        """Return the argument that a part of a usage line stands for, as ``[FILE...]``."""
        inner = text.removeprefix("[").removesuffix("]")
        return cls(inner.removesuffix("..."), inner != text, inner.endswith("..."))


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb, as the table declares it.

    `usage` has the names of its arguments, as in ``FILE [LOCAL]``; those in lower case are typed as
    they are. `run` gets the shell and the arguments. What a `paged` verb writes goes to the pager.
    """

    names: tuple[str, ...]
    usage: str
    help: str
    run: Callable[..., Awaitable[None]]
    paged: bool = False

    @property
    def name(self) -> str:
        """The first of its names."""
        return self.names[0]

    @property
    def arguments(self) -> list[Argument]:
        """Its arguments."""
        return [Argument.parse(text) for text in self.usage.split()]

    @property
    def synopsis(self) -> str:
        """Its names and its arguments."""
        return f"{', '.join(self.names)} {self.usage}".rstrip()

    def argument(self, index: int) -> Argument | None:
        """Return the argument at a place; None if there are fewer."""
        arguments = self.arguments
        if index < len(arguments):
            return arguments[index]
        return arguments[-1] if arguments and arguments[-1].repeated else None

    def check(self, given: Sequence[str]) -> None:
        """Raise `VerbError` for arguments that it does not take."""
        needed = sum(not each.optional for each in self.arguments)
        wrong = len(given) < needed or any(
            argument is None or (argument.choices and text.lower() not in argument.choices)
            for argument, text in ((self.argument(n), text) for n, text in enumerate(given))
        )
        if wrong:
            raise VerbError(f"write: {self.name} {self.usage}".rstrip())


class VerbTable:
    """All verbs, which are found by their names and by what their names begin with."""

    def __init__(self, verbs: Sequence[Verb], absent: dict[str, str]) -> None:
        self._verbs = verbs
        self._absent = absent
        self._by_name = {name: verb for verb in verbs for name in verb.names}
        assert len(self._by_name) == sum(len(verb.names) for verb in verbs)

    def __iter__(self) -> Iterator[Verb]:
        return iter(self._verbs)

    def names(self) -> list[str]:
        """Return all names."""
        return list(self._by_name)

    def find(self, word: str) -> Verb:
        """Return the verb that a word means. Case is ignored. Raises `VerbError`."""
        name = word.lower()
        if name in self._by_name:
            return self._by_name[name]
        if name in self._absent:
            raise VerbError(f"smbclient's {name} is not here: {self._absent[name]}")
        similar = sorted(each for each in self._by_name if each.startswith(name))
        if len({self._by_name[each].name for each in similar}) == 1:
            return self._by_name[similar[0]]
        if similar:
            raise VerbError(f"{visible(word)} can be {', '.join(similar)}: write more of it")
        raise VerbError(f"{visible(word)} is no command: help lists them")

    def table(self) -> list[str]:
        """Return the help of all verbs, in lines."""
        rows = [(verb.synopsis, verb.help) for verb in self._verbs] + [*_OF_SH]
        width = max(len(synopsis) for synopsis, _ in rows)
        return [f"{synopsis:{width}}  {text}" for synopsis, text in rows]
