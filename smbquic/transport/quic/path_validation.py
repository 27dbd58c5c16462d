"""Where a server's client is, and whether it really is there ([RFC9000] 8.2, 9.3).

For an engine that is told of one address only. A client that moves is followed at once. Until it
has acknowledged what was sent to its new address and nowhere else, it is sent no more than three
times what came from there; a client that has only changed its port, as behind a NAT, is trusted
like before.
"""

from smbquic.transport.addresses import SocketAddress
from smbquic.transport.quic.udp import Path

AMPLIFICATION = 3
REMEMBERED = 8


class Ways:
    """The addresses of one client; `current` is where it was heard last."""

    def __init__(self) -> None:
        self.current: Path | None = None
        self._known: dict[SocketAddress, None] = {}
        self._allowance: int | None = None

    @property
    def proven(self) -> bool:
        """Whether the client is known to be where it was heard last."""
        return self._allowance is None

    def heard(self, path: Path, size: int) -> bool:
        """Note `size` bytes of genuine and new packets; whether the way has to be proven."""
        address = path[0]
        if self.current is None or address == self.current[0]:
            if self.current is None:
                self._remember(address)
        elif address in self._known or (address[0] == self.current[0][0] and self.proven):
            self._remember(address)
            self._allowance = None
        else:
            self._allowance = 0
        self.current = path
        if self._allowance is None:
            return False
        self._allowance += AMPLIFICATION * size
        return True

    def prove(self) -> None:
        """What was sent to the current address only has been acknowledged."""
        if self.current is not None:
            self._remember(self.current[0])
        self._allowance = None

    def may_send(self, size: int) -> bool:
        """Whether so many bytes may go now; they are counted then."""
        if self._allowance is None:
            return True
        if size > self._allowance:
            return False
        self._allowance -= size
        return True

    def _remember(self, address: SocketAddress) -> None:
        self._known.pop(address, None)
        self._known[address] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
