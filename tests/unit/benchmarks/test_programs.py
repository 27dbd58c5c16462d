"""How the harness and its programs talk."""

import sys

import pytest

from benchmarks import programs
from benchmarks.link import Host
from benchmarks.programs import Program, ProgramError, run

HERE = Host("client", "127.0.0.1")


def command(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def program(text: str) -> Program:
    return Program(HERE, command(text))


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
        asked.close()
    assert heard == ["begin", "end"]


@pytest.mark.parametrize(
    ("text", "patience", "words"),
    [
        ("raise SystemExit(3)", 20.0, "ended with exit code 3$"),
        ("raise SystemExit('no room')", 20.0, "ended with exit code 1:\nno room"),
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
        asked.close()


def test_a_program_is_run_to_its_end() -> None:
    text = "import time\nwhile time.process_time() < 0.2: pass\nprint('first')\nprint('{\"n\": 1}')"
    done = run(HERE, command(text))
    assert done.document() == {"n": 1}
    assert done.output.startswith("first\n")
    assert done.cpu_seconds > 0.1


def test_a_program_that_fails_shows_what_it_printed() -> None:
    with pytest.raises(ProgramError, match="exit code 1: it is full"):
        run(HERE, command("raise SystemExit('it is full')"))


def test_an_engine_that_is_not_installed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda module: module == "aioquic")

    assert programs.missing_engine("aioquic") == programs.missing_engine("stock") == []
    assert programs.missing_engine("native") == ["the engine native is not installed"]
