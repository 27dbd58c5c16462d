"""How the harness and its two programs talk."""

import subprocess
import sys
from typing import Any, cast

import pytest

from benchmarks.arms.smb import Program
from benchmarks.ends import EndOptions
from benchmarks.link import Namespace
from benchmarks.programs import ProgramError, terminate

OPTIONS = EndOptions(transport="tcp", host="", port=0, password="")


class Here:
    """Instead of a namespace: runs this program, whatever is asked for."""

    def __init__(self, program: str) -> None:
        self._program = program

    def popen(self, command: list[str], **options: Any) -> "subprocess.Popen[str]":
        options.pop("env")
        return subprocess.Popen([sys.executable, "-c", self._program], **options)


def program(text: str) -> Program:
    return Program(cast(Namespace, Here(text)), "", OPTIONS, "cubic")


def test_lines_that_come_at_once_are_both_heard() -> None:
    asked = program("""
import sys
sys.stdin.readline()
print('{"event": "begin"}\\n{"event": "end"}\\n{"bytes": 7}', flush=True)
sys.stdin.readline()
""")
    heard: list[str] = []
    try:
        assert asked.perform({"work": "any"}, heard.append) == {"bytes": 7}
    finally:
        terminate(asked.process)
    assert heard == ["begin", "end"]


@pytest.mark.parametrize(
    ("text", "patience", "words"),
    [
        ("raise SystemExit(3)", 20.0, "ended with exit code 3"),
        ('print(\'{"error": "no such file"}\')', 20.0, "no such file"),
        ("input()", 0.0, "no answer within 0 s"),
    ],
)
def test_what_goes_wrong_is_said(text: str, patience: float, words: str) -> None:
    asked = program(text)
    try:
        with pytest.raises(ProgramError, match=words):
            asked.answer(patience)
    finally:
        terminate(asked.process)
