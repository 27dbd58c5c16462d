"""Connections of attackers to a server: over TCP, or over QUIC where that is all it has."""

from smbquic.transport import quic
from smbquic.transport.addresses import Address
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import client
from smbquic.transport.quic.udp import UdpEndpoint, UdpReceiver
from tests.flood.common import HOST, AttackTarget, TcpLink, connected, source

Link = TcpLink | MessageTransport

TRUST = quic.ClientTls(insecure=True)


def from_elsewhere(receiver: UdpReceiver, *, remote: Address) -> UdpEndpoint:
    """An endpoint of a client at one of the attackers' addresses."""
    return UdpEndpoint(receiver, local=Address(remote.family, (source(), 0)), remote=remote)


async def over_quic(target: AttackTarget, *, window: int | None = None) -> MessageTransport:
    """Connect over QUIC; with `window`, take so many bytes ahead. Raises `SmbError`."""
    vars(client)["UdpEndpoint"] = from_elsewhere
    options = quic.QuicOptions() if window is None else quic.QuicOptions(window=window)
    return await quic.connect(
        HOST, target.quic, trust=TRUST, server_name="localhost", options=options
    )


async def connect(target: AttackTarget) -> Link:
    """Connect over TCP, or over QUIC if there is no TCP. Raises `OSError` and `SmbError`."""
    if target.tcp:
        return TcpLink(await connected(target.tcp))
    return await over_quic(target)
