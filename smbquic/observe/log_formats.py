"""The log for programs: JSON, one object per line, and records of systemd's journal with fields."""

import json
import logging
import os
import socket
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from smbquic.observe.log_context import context_of

JOURNAL = Path("/run/systemd/journal/socket")
"""The socket of systemd's journal."""
TEXT_LIMIT = 16 << 10
"""Characters of a message, and of a traceback; a record of the journal fits in a datagram then."""
# syslog(3): err, warning, info, debug.
_PRIORITIES = {logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6}
_SIZE = struct.Struct("<Q")


class JsonFormatter(logging.Formatter):
    """A formatter that makes one JSON object on one line of each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. JSON escapes the control characters and all that is not ASCII."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        found: dict[str, object] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:TEXT_LIMIT],
        }
        context = context_of(record)
        if context is not None:
            found |= {"connection": context.connection, "client": context.client}
            if context.trace_id:
                found["trace_id"] = context.trace_id
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)[-TEXT_LIMIT:]
        return json.dumps(found).replace("\x7f", "\\u007f")


class JournalHandler(logging.Handler):
    """A handler that sends records to systemd's journal, with fields that it can search for.

    https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
    """

    def __init__(self, path: Path = JOURNAL) -> None:
        """Connect to the journal. Raises `OSError`."""
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        try:
            self._socket.send(b"".join(_field(*each) for each in self._fields(record).items()))
        except Exception:  # as every handler does: a log must not end what is logged
            self.handleError(record)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        text = record.getMessage()[:TEXT_LIMIT]
        if record.exc_info:
            trace = logging.Formatter().formatException(record.exc_info)
            text = f"{text}\n{trace[-TEXT_LIMIT:]}"
        levels = (level for level in _PRIORITIES if record.levelno >= level)
        fields = {
            "MESSAGE": text,
            "PRIORITY": str(_PRIORITIES[next(levels)] if record.levelno >= logging.INFO else 7),
            "SYSLOG_IDENTIFIER": "smbquic",
            "CODE_FUNC": record.funcName or "",
            "CODE_LINE": str(record.lineno),
            "SMBQUIC_LOGGER": record.name,
        }
        context = context_of(record)
        if context is not None:
            fields |= {
                "SMBQUIC_CONNECTION": str(context.connection),
                "SMBQUIC_CLIENT": context.client,
            }
            if context.trace_id:
                fields["SMBQUIC_TRACE_ID"] = context.trace_id
        return fields


def _field(name: str, text: str) -> bytes:
    """Return a field as the journal reads it; the value may have line feeds."""
    value = text.encode("utf-8", "backslashreplace")
    return name.encode("ascii") + b"\n" + _SIZE.pack(len(value)) + value + b"\n"


def is_journal(descriptor: int, environment: Mapping[str, str]) -> bool:
    """Return whether what is written to a descriptor comes to systemd's journal."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    named = environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
    return named and JOURNAL.exists()
