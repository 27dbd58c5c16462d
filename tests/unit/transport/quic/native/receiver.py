"""A receiver that records what a reader of a socket gives to the event loop."""

from smbquic.transport.quic.udp import Path


class FakeReceiver:
    """Datagrams with their sizes, paths and codepoints; which connections were given something.

    `rounds` has how many batches there were whenever a round was over.
    """

    def __init__(self) -> None:
        self.batches: list[tuple[bytes, int, Path, int]] = []
        self.rounds: list[int] = []
        self.given: list[bytes] = []
        self.errors: list[OSError] = []

    @property
    def received(self) -> bytes:
        return b"".join(segments for segments, *_ in self.batches)

    def datagram_received(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        self.segments_received(datagram, len(datagram), path, now, ecn)

    def segments_received(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        self.batches.append((segments, size, path, ecn))

    def destination(self, connection_id: bytes) -> "FakeOwner":
        return FakeOwner(self, connection_id)

    def data_received(self, connection_id: bytes) -> None:
        self.given.append(connection_id)

    def batch_received(self, now: float) -> None:
        self.rounds.append(len(self.batches))

    def error_received(self, error: OSError) -> None:
        self.errors.append(error)


class FakeOwner:
    """Records that its connection was given something."""

    def __init__(self, receiver: FakeReceiver, connection_id: bytes) -> None:
        self._receiver = receiver
        self._connection_id = connection_id

    def batch_received(self, now: float) -> None:
        self._receiver.data_received(self._connection_id)
        self._receiver.batch_received(now)
