"""A command that goes on in the background once it is ready."""

import logging
import logging.handlers
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smbquic.cli.logs import EscapingFormatter

_LOG_SOCKET = Path("/dev/log")


class Background:
    """The process in the background; the command has returned when `ready` was called in it."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    @classmethod
    @contextmanager
    def started(cls) -> "Iterator[Background]":
        """Continue in another process. The one that was called ends when that is ready.

        It ends with the exit code of the other if that ends before. There must be no other threads.
        """
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child:
            os.close(writing)
            is_ready = os.read(reading, 1)
            code = 0 if is_ready else os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            raise SystemExit(code if code >= 0 else 128 - code)
        os.close(reading)
        os.setsid()
        yield cls(writing)

    def ready(self) -> None:
        """Let the command return, and use its terminal no more; the log goes to the system's."""
        if _LOG_SOCKET.exists():
            handler = logging.handlers.SysLogHandler(str(_LOG_SOCKET))
            handler.setFormatter(EscapingFormatter(f"smbquic[{os.getpid()}]: %(message)s"))
            root = logging.getLogger()
            # What bounds the number of records holds here, too.
            handler.filters = [each for former in root.handlers for each in former.filters]
            root.handlers[:] = [handler]
        os.chdir("/")
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        os.write(self._pipe, b"\n")
        os.close(self._pipe)
