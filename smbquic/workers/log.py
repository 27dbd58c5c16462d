"""The log of a worker, which the main process writes with its own."""

import logging

from smbquic.workers.control import ControlChannel

TEXT_LIMIT = 8 << 10


class ControlHandler(logging.Handler):
    """Sends the records to the main process."""

    def __init__(self, control: ControlChannel) -> None:
        super().__init__()
        self._control = control
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; one too many is counted and lost."""
        try:
            self._control.offer(
                "log", [record.name, record.levelno, self.format(record)[:TEXT_LIMIT]]
            )
        except Exception:  # as every handler does: a log must not end what is logged
            self.handleError(record)


def write(number: int, value: list[object]) -> None:
    """Write a record of a worker to the log of this process."""
    name, level, text = value
    if isinstance(level, int):
        logging.getLogger(str(name)).log(level, "worker %d: %s", number, text)
