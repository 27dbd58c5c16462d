"""What the library logs, on standard error: in plain lines of the program's own, or in detail."""

import logging
from typing import Any

from smbquic.cli.output import as_line, visible

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_DETAILED = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class EscapingFormatter(logging.Formatter):
    """Records on one line each, whatever a peer put into them; tracebacks are indented below."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the base class's)
        """The line, with what would steer a terminal or begin another line made visible."""
        return visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  (the base class's)
        """A traceback, which ends with the message of the exception."""
        return "\n".join(f"  {visible(line)}" for line in super().formatException(ei).split("\n"))


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
    level = _LEVELS[min(verbosity, len(_LEVELS) - 1)]
    logging.basicConfig(level=level, handlers=[handler], force=again)
    # What the QUIC library warns about ends in an error of ours, which says what to do.
    logging.getLogger("quic").setLevel(logging.DEBUG if verbosity > 1 else logging.ERROR)
