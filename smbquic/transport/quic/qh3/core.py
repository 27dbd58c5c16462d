"""qh3's core in Rust, which keeps what it received until the application has room for it."""

from typing import Any

from smbquic.transport.quic.engine import CloseReason

_OVER = ("closing", "draining", "terminated")


class MeteredCore:
    """The Rust core, which keeps its data to itself while the application has enough.

    The core moves its windows as its data is taken, so that what is left in it holds the peer
    back. Events come in order: whatever is behind the data waits with it, but not the end of the
    connection. That is taken out of the events, because the library logs it as a warning. What
    came on the one stream is taken out too, into `pieces`, because it is nearly all there is.
    `core` itself is for those who are in a hurry.
    """

    def __init__(self, core: Any, limit: int) -> None:
        self.core = core
        self._limit = limit
        self._event: Any = None
        self.unread = 0
        self.authenticated = 0
        self.pieces: list[bytes] = []
        self.finished = False
        self.close_reason: CloseReason | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.core, name)

    @property
    def full(self) -> bool:
        """Whether data stays in the core for now."""
        return self.unread >= self._limit

    def next_event(self) -> Any:
        """The core's next event, unless it would be too much."""
        if self._event is not None:
            event, self._event = self._event, None
            return event
        while not self.full or self.core.state in _OVER:
            event = self.core.next_event()
            if event is None:
                return None
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
        """Take what arrived on the stream; whether that is all there is to tell."""
        self._event = self.next_event()
        return self._event is None and self.close_reason is None and not self.finished

    def take(self) -> list[bytes]:
        """What arrived on the stream since the last call, in order."""
        pieces, self.pieces = self.pieces, []
        return pieces

    def _end(self, close_reason: CloseReason) -> None:
        self.close_reason = self.close_reason or close_reason

    # What was received counts where it was genuine and new: the third number of a report.

    def receive_datagram(self, *arguments: Any) -> Any:
        """One packet of a datagram."""
        report = self.core.receive_datagram(*arguments)
        self.authenticated += report[2]
        return report

    def receive_many_datagrams(self, *arguments: Any) -> Any:
        """A list of datagrams."""
        report = self.core.receive_many_datagrams(*arguments)
        self.authenticated += report[2]
        return report

    def receive_gro_buffer(self, *arguments: Any) -> Any:
        """A segment batch."""
        report = self.core.receive_gro_buffer(*arguments)
        self.authenticated += report[2]
        return report
