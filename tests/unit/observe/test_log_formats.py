"""The log as JSON, and as records of systemd's journal."""

import json
import logging
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.observe import log_formats as module
from smbquic.observe.log_context import LogContext
from smbquic.observe.log_formats import TEXT_LIMIT, JournalHandler, JsonFormatter, is_journal

CONTEXT = LogContext(7, "192.0.2.1:7", "c0ffee")


def record(
    text: str, *arguments: object, level: int = logging.WARNING, failed: bool = False
) -> logging.LogRecord:
    error = None
    if failed:
        try:
            raise ValueError("of a bug")
        except ValueError:
            error = sys.exc_info()
    return logging.LogRecord("smbquic.x", level, __file__, 12, text, arguments, error, "function")


def test_json() -> None:
    made = record("%s\n\x1b\x7f", "text")
    made.created = 1767323045.678
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {
        "time": "2026-01-02T03:04:05.678Z",
        "level": "warning",
        "logger": "smbquic.x",
        "message": "text\n\x1b\x7f",
    }


def test_json_with_a_connection_and_an_error() -> None:
    made = record("x" * 2 * TEXT_LIMIT, failed=True)
    made.smbquic_context = CONTEXT
    found = json.loads(JsonFormatter().format(made))
    assert len(found["message"]) == TEXT_LIMIT
    assert (found["connection"], found["client"], found["trace_id"]) == (
        7,
        CONTEXT.client,
        "c0ffee",
    )
    assert found["exception"].endswith("ValueError: of a bug")
    made.smbquic_context = LogContext(8, "192.0.2.1:8")
    assert "trace_id" not in json.loads(JsonFormatter().format(made))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "socket"))
        sock.settimeout(60)
        yield sock


def fields(datagram: bytes) -> dict[str, str]:
    """Parse what the journal gets, by its specification."""
    found = {}
    while datagram:
        name, _, rest = datagram.partition(b"\n")
        (size,) = struct.unpack_from("<Q", rest)
        found[name.decode()] = rest[8 : 8 + size].decode()
        assert rest[8 + size : 9 + size] == b"\n"
        datagram = rest[9 + size :]
    return found


def test_the_journal(journal: socket.socket, tmp_path: Path) -> None:
    handler = JournalHandler(tmp_path / "socket")
    made = record("two\nlines\udcff", failed=True)
    made.smbquic_context = CONTEXT
    handler.emit(made)
    found = fields(journal.recv(1 << 16))
    assert found.pop("MESSAGE").startswith("two\nlines\\udcff\nTraceback")
    assert found == {
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "smbquic",
        "CODE_FUNC": "function",
        "CODE_LINE": "12",
        "SMBQUIC_LOGGER": "smbquic.x",
        "SMBQUIC_CONNECTION": "7",
        "SMBQUIC_CLIENT": "192.0.2.1:7",
        "SMBQUIC_TRACE_ID": "c0ffee",
    }
    priorities = []
    for level in (logging.DEBUG, logging.INFO, logging.ERROR, logging.CRITICAL):
        handler.emit(record("\N{SNOWMAN}" * 2 * TEXT_LIMIT, level=level))
        datagram = fields(journal.recv(1 << 17))
        assert len(datagram["MESSAGE"]) == TEXT_LIMIT
        assert "SMBQUIC_CONNECTION" not in datagram
        priorities.append(datagram["PRIORITY"])
    assert priorities == ["7", "6", "3", "3"]
    handler.close()


def test_a_journal_that_is_gone(
    journal: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = JournalHandler(tmp_path / "socket")
    lost: list[logging.LogRecord] = []
    monkeypatch.setattr(handler, "handleError", lost.append)
    journal.close()
    made = record("text")
    handler.emit(made)
    assert lost == [made]
    handler.close()
    with pytest.raises(OSError, match="No such file"):
        JournalHandler(tmp_path / "none")


def test_where_the_journal_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(module, "JOURNAL", tmp_path / "file")
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    found = os.fstat(descriptor)
    named = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    assert is_journal(descriptor, named)
    assert not is_journal(descriptor, {})
    assert not is_journal(descriptor, {"JOURNAL_STREAM": "1:2"})
    monkeypatch.setattr(module, "JOURNAL", tmp_path / "none")
    assert not is_journal(descriptor, named)
    os.close(descriptor)
    assert not is_journal(descriptor, named)
