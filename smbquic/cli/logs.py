"""Writes the log to standard error: as the program's own warnings, or in detail."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from smbquic.cli.output import as_line, visible

if TYPE_CHECKING:
    from smbquic.options.server import LogLevel

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_NAMES = ("warning", "info", "debug")
_MINUTE = 60.0
_LIMIT = 60
_MAX_KINDS = 1024
_DETAILED = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class EscapingFormatter(logging.Formatter):
    """A formatter of one line per record, with control characters escaped; tracebacks follow."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the base class's)
        """Return the line, with control characters and line feeds escaped."""
        return visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  (the base class's)
        """Return a traceback, indented; it ends with the message of the exception."""
        return "\n".join(f"  {visible(line)}" for line in super().formatException(ei).split("\n"))


class RecordRateLimit(logging.Filter):
    """A filter that passes some records of a kind in a minute, and logs later how many more came.

    A kind is one place in the program: a client may cause any number of records there.
    `clock` gives seconds that never go back.
    """

    def __init__(self, most: int = _LIMIT, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most = most
        self._clock = clock
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written."""
        kind = (record.name, str(record.msg))
        now = self._clock()
        if len(self._kinds) > _MAX_KINDS:
            self._kinds.clear()
        began, count = self._kinds.get(kind, (now, 0))
        if now - began >= _MINUTE:
            if count > self._most:
                more = f" (and {count - self._most} more like it in between)"
                record.msg, record.args = record.getMessage() + more, ()
            began, count = now, 0
        self._kinds[kind] = began, count + 1
        return count < self._most


class PlainFormatter(EscapingFormatter):
    """A formatter in the style of `warn`; the traceback of a bug follows."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the base class's)
        """Return the line without level, time and module."""
        return as_line(record.message)


def formatter(verbosity: int) -> logging.Formatter:
    """Return the formatter for a verbosity."""
    return EscapingFormatter(_DETAILED) if verbosity else PlainFormatter()


def configure(verbosity: int, *, again: bool = False) -> None:
    """Configure logging: warnings in plain lines, from 1 on more with details, from 2 on all.

    The handlers of a program that has some stay, unless they are those of an earlier call: `again`.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(verbosity))
    if verbosity < len(_LEVELS) - 1:
        handler.addFilter(RecordRateLimit())
    level = _LEVELS[min(verbosity, len(_LEVELS) - 1)]
    logging.basicConfig(level=level, handlers=[handler], force=again)
    # A warning of the QUIC library is followed by an error of the package, which says what to do.
    logging.getLogger("quic").setLevel(logging.DEBUG if verbosity > 1 else logging.ERROR)


def configure_level(level: "LogLevel", verbosity: int) -> None:
    """Configure the log of a server anew, by the option `log_level` or by -v, whichever is more."""
    configure(max(verbosity, _NAMES.index(level)), again=True)
