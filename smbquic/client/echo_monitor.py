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
    """Asks in silence, and detects a server that no longer answers.

    Where nothing is under way, it asks while the transport is to be kept up (`keep_alive`).
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
        self.response_timeout = RESPONSE_TIMEOUT
        """Seconds of silence after which a server that owes a response counts as lost."""
        self._loop = asyncio.get_running_loop()
        self.last_received = self._loop.time()
        """When a part of a message was last seen to move, or when the server began to owe a
        response, if that was later."""
        self._received = self._taken = 0
        self._timer = self._loop.call_later(ECHO_INTERVAL, self.check)

    def reset(self) -> None:
        """Measure the silence from now on: a message came, or the server owes a response now."""
        self.last_received = self._loop.time()

    def check(self) -> None:
        """Send an ECHO if there was silence for long, or give the server up."""
        if self._has_progress():
            self.reset()
        silence = self._loop.time() - self.last_received
        if self._outstanding and silence >= self.response_timeout:
            self._fail(IdleTimeout(f"the server has not answered for {silence:.0f} s"))
            return
        if self._outstanding.overtaken(self.response_timeout):
            self._fail(IdleTimeout("the server answers, but not what it was asked first"))
            return
        due = ECHO_INTERVAL - silence
        if due <= 0:
            due = ECHO_INTERVAL
            if self._transport.keep_alive or self._outstanding:
                self._send_echo()
        self._timer = self._loop.call_later(due, self.check)

    def _has_progress(self) -> bool:
        """Return whether a part of a message was received or taken since the last check.

        On a slow path, or with a busy server, a single message may take minutes.
        """
        flow = self._transport.flow()
        taken = flow.sent - flow.untaken
        # The server is not waited for because it takes our ECHOs: a transport takes them even where
        # the server hangs. So what it takes counts only while it has not taken everything.
        progress = flow.received > self._received or (flow.untaken > 0 and taken > self._taken)
        self._received = max(self._received, flow.received)
        self._taken = max(self._taken, taken)
        return progress

    def stop(self) -> None:
        """Check no more."""
        self._timer.cancel()
