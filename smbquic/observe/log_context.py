"""Says in each log record which connection it is about, by the number that audit records have."""

import logging
from contextvars import ContextVar

from smbquic.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class LogContext:
    """The connection that a task serves: its number, its client, and the name of its qlog trace."""

    connection: int
    client: str
    trace_id: str = ""


_current: ContextVar[LogContext | None] = ContextVar("smbquic_log_context", default=None)


def enter(context: LogContext) -> None:
    """Have the records of this task, and of those that it starts, be about a connection."""
    _current.set(context)


def context_of(record: logging.LogRecord) -> LogContext | None:
    """Return the connection that a record is about, if `ContextFilter` has found one."""
    found: LogContext | None = getattr(record, "smbquic_context", None)
    return found


class ContextFilter(logging.Filter):
    """A filter that passes all records, each with the connection that its task serves."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the connection to a record."""
        record.smbquic_context = _current.get()
        return True
