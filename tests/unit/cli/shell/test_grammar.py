"""The command lines of the shell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.cli.shell.grammar import SPACES, ShellCommand, Words, last_command, parse, quote

LINES = st.text(st.sampled_from("ab \t\"';|!-#\\*é\n"), max_size=30)
NAMES = st.text(st.characters(exclude_characters="\n"), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("", []),
        ("  # a comment; ls", []),
        (";; ;", []),
        ("ls", [ShellCommand(("ls",))]),
        ("cd x; get y", [ShellCommand(("cd", "x")), ShellCommand(("get", "y"))]),
        ('get "a b;c|d"  e', [ShellCommand(("get", "a b;c|d", "e"))]),
        ('get in/"a b".txt', [ShellCommand(("get", "in/a b.txt"))]),
        ('put "a""b" ""', [ShellCommand(("put", 'a"b', ""))]),
        ("get it's\\here", [ShellCommand(("get", "it's\\here"))]),
        (
            "-mkdir a; -  rm a",
            [ShellCommand(("mkdir", "a"), None, True), ShellCommand(("rm", "a"), None, True)],
        ),
        ("rename a b -f", [ShellCommand(("rename", "a", "b", "-f"))]),
        ("ls | wc -l; pwd", [ShellCommand(("ls",), "wc -l"), ShellCommand(("pwd",))]),
        ("cat a|awk '{a; b}' | x", [ShellCommand(("cat", "a"), "awk '{a; b}' | x")]),
        ('!echo "a;b" \\; c; ls', [ShellCommand((), 'echo "a;b" \\; c'), ShellCommand(("ls",))]),
        ("!", [ShellCommand((), "")]),
        ("!echo it's; ls", [ShellCommand((), "echo it's"), ShellCommand(("ls",))]),
        ("ls!", [ShellCommand(("ls!",))]),
    ],
)
def test_lines(line: str, commands: list[ShellCommand]) -> None:
    assert parse(line) == commands


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('get "a', "not closed"),
        ("ls |", "a | has"),
        ("| less", "a | has"),
        ("ls | ; pwd", "a | has"),
        ("-", "no command after"),
    ],
)
def test_what_is_no_line(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(line)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_any_words_can_be_typed(words: list[str]) -> None:
    assert parse(" ".join(map(quote, words))) == [ShellCommand(tuple(words))]


@given(LINES)
def test_any_line_is_commands_or_an_error(line: str) -> None:
    last_command(line)
    try:
        commands = parse(line)
    except ValueError:
        return
    for command in commands:
        assert command.words or command.local is not None
        # What `sh` gets stands in the line as it is.
        assert (command.local or "") in line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", Words()),
        ("g", Words([], "g")),
        ("get ", Words(["get"])),
        ("get in/re", Words(["get"], "in/re")),
        ('cd x; get "a b', Words(["get"], "a b", quoted=True)),
        ('get "', Words(["get"], "", quoted=True)),
        ("-del a", Words(["del"], "a")),
        ("ls |", Words(["ls"], None, local=True)),
        ("ls | gre", Words(["ls"], None, local=True)),
        ("!gre", Words([], None, local=True)),
        ("!gre; ls a", Words(["ls"], "a")),
        ("ls | x; cat b", Words(["cat"], "b")),
    ],
)
def test_the_command_that_is_being_typed(line: str, words: Words) -> None:
    found = last_command(line)
    if found.local:
        found.end_word()
    assert found == words


@given(st.lists(NAMES, min_size=1, max_size=3), NAMES)
def test_a_line_is_completed_as_it_is_read(words: list[str], last: str) -> None:
    line = " ".join(map(quote, [*words, last]))
    found = last_command(line)
    assert ([*found.words, found.last], found.quoted) == ([*words, last], False)
    assert all(space in SPACES for space in " \t\n")
