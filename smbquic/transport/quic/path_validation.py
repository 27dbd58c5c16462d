"""Path validation for a server whose engine knows one address only ([RFC9000] 8.2, 9.3).

A client that changes its address is followed at once. Until it has acknowledged what was sent to
its new address and nowhere else, it is sent at most three times what came from there. A client that
has only changed its port, as behind a NAT, stays validated.
"""

from smbquic.transport.addresses import SocketAddress
from smbquic.transport.quic.udp import Path

AMPLIFICATION = 3
"""How many times what came from an address may be sent to it before it is validated
([RFC9000] 8.1)."""
REMEMBERED = 8
"""Validated addresses of a client that need no new validation when it comes back to one
([RFC9000] 9.3)."""


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
        """Record `size` bytes of authenticated and new packets from `path`.

        Return whether the path is to be validated.
        """
        address = path[0]
        if self.current is None or address == self.current[0]:
            # The first address is that of the handshake, which validates it ([RFC9000] 8.1).
            if self.current is None:
                self._remember(address)
        # A change of the port alone is mostly a NAT that has forgotten the former one: an attacker
        # there could direct answers to nobody but to the same host.
        elif address in self._known or (address[0] == self.current[0][0] and self.validated):
            self._remember(address)
            self._anti_amplification_limit = None
        else:
            # The client, or somebody who has copied its packet, may want to have a victim flooded
            # ([RFC9000] 9.3.1, 9.3.2).
            self._anti_amplification_limit = 0
        self.current = path
        if self._anti_amplification_limit is None:
            return False
        self._anti_amplification_limit += AMPLIFICATION * size
        return True

    def acknowledged(self) -> None:
        """Validate the current address, as what was sent only there has been acknowledged."""
        if self.current is not None:
            self._remember(self.current[0])
        self._anti_amplification_limit = None

    def may_send(self, size: int) -> bool:
        """Return whether so many bytes may be sent now; if so, count them."""
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
