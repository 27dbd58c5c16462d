"""Verbs: their arguments, and how they are found."""

import pytest

from smbquic.cli.shell.state import Shell
from smbquic.cli.shell.verb import Argument, ArgumentKind, Verb, VerbError, VerbTable


async def nothing(shell: Shell, *arguments: str) -> None:
    """Do nothing."""


RENAME = Verb(("rename",), "FILE NEW [-f]", "Rename.", nothing)
REMOVE = Verb(("del", "rm"), "MASK...", "Delete.", nothing)
RECURSE = Verb(("recurse",), "[on|off]", "Switch.", nothing)
PWD = Verb(("pwd",), "", "Print.", nothing)
TABLE = VerbTable((RENAME, REMOVE, RECURSE, PWD), {"tar": "use mget"})


def test_arguments() -> None:
    assert Argument.parse("[MASK...]") == Argument("MASK", optional=True, repeated=True)
    assert Argument.parse("LOCAL").kind is ArgumentKind.LOCAL
    assert Argument.parse("[-f]").choices == ("-f",)
    assert Argument.parse("[on|off]").choices == ("on", "off")
    assert Argument.parse("FILE").choices == ()
    assert REMOVE.argument(5) == Argument("MASK", repeated=True)
    assert RENAME.argument(3) is None
    assert PWD.argument(0) is None


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        (RENAME, ("a", "b")),
        (RENAME, ("a", "b", "-f")),
        (REMOVE, ("a", "b", "c")),
        (RECURSE, ()),
        (RECURSE, ("OFF",)),
        (PWD, ()),
    ],
)
def test_arguments_that_are_taken(verb: Verb, given: tuple[str, ...]) -> None:
    verb.check(given)


@pytest.mark.parametrize(
    ("verb", "given", "words"),
    [
        (RENAME, ("a",), "write: rename FILE NEW"),
        (RENAME, ("a", "b", "c"), "write: rename"),
        (REMOVE, (), "write: del MASK"),
        (RECURSE, ("maybe",), r"write: recurse \[on"),
        (PWD, ("a",), "write: pwd$"),
    ],
)
def test_arguments_that_are_not(verb: Verb, given: tuple[str, ...], words: str) -> None:
    with pytest.raises(VerbError, match=words):
        verb.check(given)


@pytest.mark.parametrize(
    ("word", "verb"), [("RM", REMOVE), ("ren", RENAME), ("p", PWD), ("d", REMOVE)]
)
def test_a_verb_is_found_by_its_beginning(word: str, verb: Verb) -> None:
    assert TABLE.find(word) is verb


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("re", "re can be recurse, rename"),
        ("x\x1b", r"x\\x1b is no command"),
        ("tar", "smbclient's tar is not here: use mget"),
    ],
)
def test_what_is_no_verb(word: str, words: str) -> None:
    with pytest.raises(VerbError, match=words):
        TABLE.find(word)
