"""Where a server's client is, and whether it really is there ([RFC9000] 8.2, 9.3).

For an engine that is told of one address only. A client that moves is followed at once. Until it
has acknowledged what was sent to its new address and nowhere else, it is sent no more than three
times what came from there; a client that has only changed its port, as behind a NAT, is trusted
like before.
"""

from smbquic.transport.addresses import SocketAddress
from smbquic.transport.quic.udp import Path

AMPLIFICATION = 3
"""How much more may be sent to an address than came from it, before it is validated."""
REMEMBERED = 8
"""Addresses of a client that are validated, and need not be again when it comes back to one."""


class PathValidator:
    """The addresses of one client; `current` is where its latest packets came from."""

    def __init__(self) -> None:
        self.current: Path | None = None
        self._known: dict[SocketAddress, None] = {}
        # None where the current address is validated.
        self._anti_amplification_limit: int | None = None

    @property
    def validated(self) -> bool:
        """Whether the client is known to be where its latest packets came from."""
        return self._anti_amplification_limit is None

    def received(self, path: Path, size: int) -> bool:
        """Note `size` bytes of genuine and new packets; returns whether to validate the path."""
        address = path[0]
        if self.current is None or address == self.current[0]:
            if self.current is None:
                self._remember(address)
        elif address in self._known or (address[0] == self.current[0][0] and self.validated):
            self._remember(address)
            self._anti_amplification_limit = None
        else:
            self._anti_amplification_limit = 0
        self.current = path
        if self._anti_amplification_limit is None:
            return False
        self._anti_amplification_limit += AMPLIFICATION * size
        return True

    def acknowledged(self) -> None:
        """Note that what was sent to the current address only has been acknowledged."""
        if self.current is not None:
            self._remember(self.current[0])
        self._anti_amplification_limit = None

    def may_send(self, size: int) -> bool:
        """Return whether so many bytes may be sent now; they are counted then."""
        if self._anti_amplification_limit is None:
            return True
        if size > self._anti_amplification_limit:
            return False
        self._anti_amplification_limit -= size
        return True

    def _remember(self, address: SocketAddress) -> None:
        self._known.pop(address, None)
        self._known[address] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
