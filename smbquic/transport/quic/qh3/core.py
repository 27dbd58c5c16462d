"""qh3's core in Rust, which keeps what it has received until the application has room for it."""

from typing import Any

from qh3 import tls

from smbquic.transport.quic.engine import CloseReason

_OVER = ("closing", "draining", "terminated")


class MeteredCore:
    """The Rust core, out of which no more is taken than the application has room for.

    The core announces larger windows as its data is taken, so what is left in it makes the peer
    wait. Events come in order: what is behind the data waits with it, except for the end of the
    connection. That is no event for the library, which would log a warning. The data of the one
    stream goes into `pieces` without the library, as it is nearly all there is. `core` is the bare
    core, for calls that have to be fast.
    """

    def __init__(self, core: Any, limit: int) -> None:
        self.core = core
        self._limit = limit
        # One that `take_data` has met, for the library.
        self._event: Any = None
        self.unread = 0
        self.authenticated = 0
        self.pieces: list[bytes] = []
        self.finished = False
        self.close_reason: CloseReason | None = None
        # For `Announcements`.
        self.send_key: tuple[Any, ...] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.core, name)

    @property
    def full(self) -> bool:
        """Whether data is left in the core for now."""
        return self.unread >= self._limit

    def next_event(self) -> Any:
        """Return the core's next event for the library, unless the application has no room."""
        if self._event is not None:
            event, self._event = self._event, None
            return event
        # Once the connection is closed, nothing more arrives: what is left is bounded.
        while not self.full or self.core.state in _OVER:
            event = self.core.next_event()
            if event is None:
                return None
            # The core's events are tuples that begin with a name.
            match event:
                case ("stream_data", 0, data, finished):
                    self.unread += len(data)
                    self.pieces.append(data)
                    self.finished = self.finished or finished
                case ("peer_closed", application, code, _, reason):
                    self._end(CloseReason(code, reason.decode(errors="replace"), application))
                case ("protocol_error", code, _, reason):
                    self._end(CloseReason(code, reason, ours=True))
                case _:
                    return event
        return None

    def take_data(self) -> bool:
        """Take what has arrived on the stream; return whether there was nothing else."""
        self._event = self.next_event()
        return self._event is None and self.close_reason is None and not self.finished

    def take(self) -> list[bytes]:
        """Return what has arrived on the stream since the last call, in order."""
        pieces, self.pieces = self.pieces, []
        return pieces

    def _end(self, close_reason: CloseReason) -> None:
        # The first reason counts.
        self.close_reason = self.close_reason or close_reason

    def install_packet_key(self, direction: str, epoch: int, *key: Any) -> None:
        """Give the core a key, and keep the one for sending 1-RTT packets."""
        if direction == "send" and epoch == tls.Epoch.ONE_RTT:
            self.send_key = key
        self.core.install_packet_key(direction, epoch, *key)

    # The third number of a report is how many packets were authenticated and new.

    def receive_datagram(self, *arguments: Any) -> Any:
        """Process one packet of a datagram."""
        report = self.core.receive_datagram(*arguments)
        self.authenticated += report[2]
        return report

    def receive_many_datagrams(self, *arguments: Any) -> Any:
        """Process a list of datagrams."""
        report = self.core.receive_many_datagrams(*arguments)
        self.authenticated += report[2]
        return report

    def receive_gro_buffer(self, *arguments: Any) -> Any:
        """Process a segment batch."""
        report = self.core.receive_gro_buffer(*arguments)
        self.authenticated += report[2]
        return report
