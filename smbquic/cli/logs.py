"""What the library logs, on standard error: in plain lines of the program's own, or in detail."""

import logging
import time
from collections.abc import Callable
from typing import Any

from smbquic.cli.output import as_line, visible

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_MINUTE = 60.0
_MOST = 60
_KINDS = 1024
_DETAILED = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class EscapingFormatter(logging.Formatter):
    """Records on one line each, whatever a peer put into them; tracebacks are indented below."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the base class's)
        """The line, with what would steer a terminal or begin another line made visible."""
        return visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  (the base class's)
        """A traceback, which ends with the message of the exception."""
        return "\n".join(f"  {visible(line)}" for line in super().formatException(ei).split("\n"))


class RateLimit(logging.Filter):
    """Lets so many records of one kind through in a minute, and says later how many more came.

    A kind is one place in the program, which any client can have write as much as it likes.
    `clock` gives seconds that never go back.
    """

    def __init__(self, most: int = _MOST, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most = most
        self._clock = clock
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        kind = (record.name, str(record.msg))
        now = self._clock()
        if len(self._kinds) > _KINDS:
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
    """Records as `warn` writes a line; the traceback of a fault in the program follows."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the base class's)
        """The line without level, time and module."""
        return as_line(record.message)


def formatter(verbosity: int) -> logging.Formatter:
    """What makes lines of records."""
    return EscapingFormatter(_DETAILED) if verbosity else PlainFormatter()


def configure(verbosity: int, *, again: bool = False) -> None:
    """Log warnings in plain lines; from 1 on with the time and module, and from 2 on everything.

    A program that logs already is left alone, unless this was called before and is so `again`.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(verbosity))
    if verbosity < len(_LEVELS) - 1:
        handler.addFilter(RateLimit())
    level = _LEVELS[min(verbosity, len(_LEVELS) - 1)]
    logging.basicConfig(level=level, handlers=[handler], force=again)
    # What the QUIC library warns about ends in an error of ours, which says what to do.
    logging.getLogger("quic").setLevel(logging.DEBUG if verbosity > 1 else logging.ERROR)
