"""Writes the log to standard error: as the program's own warnings, or in detail."""

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from smbquic.cli.output import as_line, visible
from smbquic.errors import ConfigError
from smbquic.observe.log_context import ContextFilter, context_of

if TYPE_CHECKING:
    from smbquic.options.server import LogFormat, LogLevel

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


class DetailedFormatter(EscapingFormatter):
    """A formatter with time, level and module, and the connection that a record is about."""

    def __init__(self) -> None:
        super().__init__(_DETAILED)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the base class's)
        """Return the line, with the number of the connection at its end."""
        context = context_of(record)
        line = super().formatMessage(record)
        return line if context is None else f"{line} [connection {context.connection}]"


def formatter(verbosity: int) -> logging.Formatter:
    """Return the formatter for a verbosity."""
    return DetailedFormatter() if verbosity else PlainFormatter()


def configure(
    verbosity: int, *, again: bool = False, handler: logging.Handler | None = None
) -> None:
    """Configure logging: warnings in plain lines, from 1 on more with details, from 2 on all.

    The handlers of a program that has some stay, unless they are those of an earlier call: `again`.
    By default a handler writes text to standard error.
    """
    if handler is None:
        handler = logging.StreamHandler()
        handler.setFormatter(formatter(verbosity))
    handler.addFilter(ContextFilter())
    if verbosity < len(_LEVELS) - 1:
        handler.addFilter(RecordRateLimit())
    level = _LEVELS[min(verbosity, len(_LEVELS) - 1)]
    logging.basicConfig(level=level, handlers=[handler], force=again)
    # A warning of the QUIC library is followed by an error of the package, which says what to do.
    logging.getLogger("quic").setLevel(logging.DEBUG if verbosity > 1 else logging.ERROR)


def configure_server(level: "LogLevel", log_format: "LogFormat", verbosity: int) -> None:
    """Configure the log of a server anew, by its options; -v says more than `level`.

    Raises `ConfigError` where there is no journal.
    """
    verbosity = max(verbosity, _NAMES.index(level))
    configure(verbosity, again=True, handler=_handler(log_format))


def _handler(log_format: "LogFormat") -> logging.Handler | None:
    """Return the handler of a format; None for text on standard error."""
    # Clients need none of it.
    from smbquic.observe.log_formats import JournalHandler, JsonFormatter, is_journal

    if log_format == "json":
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
        return handler
    if log_format == "journal" or (log_format == "auto" and is_journal(2, os.environ)):
        try:
            return JournalHandler()
        except OSError as error:
            raise ConfigError(
                f"log_format: the journal cannot be reached: {error.strerror}; use text or json"
            ) from error
    return None
