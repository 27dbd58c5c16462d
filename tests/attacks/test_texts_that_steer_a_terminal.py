"""A peer chooses names and reasons that set a window's title, or forge a line of the log."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.cli import logs
from smbquic.cli.failure import describe
from smbquic.cli.output import emit, visible, warn
from smbquic.errors import ConnectionClosed, StatusError
from smbquic.ntstatus import NtStatus

TITLE = "\x1b]0;owned\x07"
TEXTS = [
    TITLE,
    "\x9b31m",
    "\u202egpj.exe",
    "\u2066x",
    "a\nsmbquic: all is well",
    "a\r\x0bb",
    "\x7f",
]


def is_harmless(text: str) -> bool:
    return text.endswith("\n") and text[:-1].isprintable()


@pytest.mark.parametrize("text", TEXTS)
def test_a_warning_shows_them(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    warn(f"closed by the server: {text}")
    assert is_harmless(capsys.readouterr().err)


@pytest.mark.parametrize("text", TEXTS)
def test_an_error_shows_them(text: str) -> None:
    for error in (
        ConnectionClosed(text),
        StatusError.of(NtStatus.ACCESS_DENIED, "CREATE", text),
        FileNotFoundError(2, "No such file", text),
    ):
        assert describe(error).isprintable()


@given(text=st.text())
def test_json_escapes_them_and_keeps_them(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr("smbquic.cli.output.click.echo", written.append)
        emit({"name": text, text: 1})
    assert written[0].isprintable()
    assert json.loads(written[0]) == {"name": text, text: 1}


@pytest.mark.parametrize("verbosity", [0, 1, 2])
@pytest.mark.parametrize("text", TEXTS)
def test_the_log_shows_them(text: str, verbosity: int) -> None:
    formatter = logs.formatter(verbosity)
    record = logging.LogRecord("smbquic", logging.WARNING, "", 1, "from %s", (text,), None)
    assert formatter.format(record).isprintable()
    record.exc_info = (ValueError, ValueError(text), None)
    first, *others = formatter.format(record).split("\n")
    assert first.isprintable()
    assert all(line.startswith("  ") and line.isprintable() for line in others)


@given(text=st.text())
def test_anything_is_made_visible(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(text) == text or not text.isprintable()
