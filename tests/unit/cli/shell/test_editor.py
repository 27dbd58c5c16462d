"""Reading lines, with readline and without."""

import io
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.cli.shell.editor import PlainEditor, ReadlineEditor, editor
from smbquic.cli.shell.history import History


class FakeReadline(SimpleNamespace):
    """What the editor uses of `readline`."""

    def __init__(self, doc: str) -> None:
        super().__init__(__doc__=doc, calls=[], line="")

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, *arguments))

    def get_line_buffer(self) -> str:
        return str(self.line)

    def get_endidx(self) -> int:
        return 6


@pytest.mark.parametrize(
    ("doc", "binding"), [("GNU readline", "tab: complete"), ("libedit", "bind ^I rl_complete")]
)
def test_readline(doc: str, binding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    readline = FakeReadline(doc)
    history = History()
    history.add("old")
    asked: list[tuple[str, str]] = []

    def complete(line: str, part: str) -> list[str]:
        asked.append((line, part))
        return ["report ", "reply "]

    made = ReadlineEditor(readline, history, complete)
    assert ("parse_and_bind", binding) in readline.calls
    assert ("set_auto_history", False) in readline.calls
    assert ("add_history", "old") in readline.calls
    [following] = [call[1] for call in readline.calls if call[0] == "set_completer"]
    readline.line = "get re and more"
    assert [following("re", n) for n in range(3)] == ["report ", "reply ", None]
    assert asked == [("get re", "re")]
    monkeypatch.setattr("builtins.input", lambda prompt: prompt + "ls")
    assert made.read("> ") == "> ls"
    assert made.read("> ") == "> ls"
    assert readline.calls.count(("add_history", "> ls")) == 1
    assert list(history.lines) == ["old", "> ls"]


def test_without_readline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("ls\r\npwd"))
    made = editor(History(), lambda line, part: [])
    assert isinstance(made, PlainEditor)
    assert made.read("> ") == "ls"
    assert made.read("> ") == "pwd"
    with pytest.raises(EOFError):
        made.read("> ")
    assert capsys.readouterr() == ("", "> > > \n")
