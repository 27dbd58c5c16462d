"""Whether the server is still there: ECHO requests in silence, and limits to waiting.

[MS-SMB2] 3.2.6.1 leaves to the client how long it waits for a response.
"""

import asyncio
from collections.abc import Callable

from smbquic.client.response_waiters import ResponseWaiters
from smbquic.errors import IdleTimeout
from smbquic.transport.base import MessageTransport

ECHO_INTERVAL = 10.0
"""Seconds of silence after which an ECHO asks whether the server is still there."""

RESPONSE_TIMEOUT = 60.0
"""Seconds of silence after which a server that owes a response counts as lost, and by which it may
prefer later requests to an earlier one."""


class EchoMonitor:
    """Keeps a connection up while something is open, and detects a server that no longer answers.

    `send_echo` sends an ECHO that nobody waits for, `fail` ends the connection with an error.
    """

    def __init__(
        self,
        transport: MessageTransport,
        outstanding: ResponseWaiters,
        send_echo: Callable[[], None],
        fail: Callable[[IdleTimeout], None],
    ) -> None:
        self._transport = transport
        self._outstanding = outstanding
        self._send_echo = send_echo
        self._fail = fail
        self._opens = 0
        self._loop = asyncio.get_running_loop()
        self.last_received = self._loop.time()
        """When the latest message came, or when the server began to owe one, if that was later."""
        self._timer = self._loop.call_later(ECHO_INTERVAL, self.check)

    def add_open(self) -> None:
        """Keep the connection up: something was opened on the server."""
        self._opens += 1
        self._transport.keep_alive = True

    def remove_open(self) -> None:
        """Let the connection fall silent once everything is closed: this was."""
        self._opens -= 1
        self._transport.keep_alive = self._opens > 0

    def reset(self) -> None:
        """Measure the silence from now on: a message came, or the server owes one from now on."""
        self.last_received = self._loop.time()

    def check(self) -> None:
        """Send an ECHO if there was silence for long, or give the server up."""
        silence = self._loop.time() - self.last_received
        if self._outstanding and silence >= RESPONSE_TIMEOUT:
            self._fail(IdleTimeout(f"the server has not answered for {silence:.0f} s"))
            return
        if self._outstanding.overtaken(RESPONSE_TIMEOUT):
            self._fail(IdleTimeout("the server answers, but not what it was asked first"))
            return
        due = ECHO_INTERVAL - silence
        if due <= 0:
            due = ECHO_INTERVAL
            if self._opens or self._outstanding:
                self._send_echo()
        self._timer = self._loop.call_later(due, self.check)

    def stop(self) -> None:
        """Check no more."""
        self._timer.cancel()
