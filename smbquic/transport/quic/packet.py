"""Headers of QUIC packets, as far as they are read and written without an engine ([RFC9000] 17).

That is for finding the connection of a datagram, offering other versions, and address validation:
during a flood no engine must be made for each datagram.
"""

import os
from collections.abc import Iterable

from smbquic.crypto.gmac import gmac
from smbquic.lazy_dataclass import dataclass

VERSION_1, VERSION_2 = 0x00000001, 0x6B3343CF
VERSIONS = (VERSION_1, VERSION_2)
"""The versions that there is an engine for ([RFC9000] 15, [RFC9369] 3.1)."""
LONG_HEADER, FIXED_BIT = 0x80, 0x40
CONNECTION_ID_SIZE = 8
"""Bytes of the connection IDs that a client issues, and a server that has no server ID. A short
header does not have their length."""
MIN_INITIAL_ID_SIZE, MAX_CONNECTION_ID_SIZE = 8, 20
"""Bytes of the first ID that a client chooses for a server ([RFC9000] 7.2), and of any ID in
versions 1 and 2 ([RFC9000] 17.2)."""

_INITIAL = {VERSION_1: 0, VERSION_2: 1}
_RETRY = {VERSION_1: 3, VERSION_2: 0}
"""The packet types, which version 2 numbers differently ([RFC9369] 3.2)."""
_RETRY_KEYS = {
    VERSION_1: ("be0c690b9f66575a1d766b54e368c84e", "461599d35d632bf2239825bb"),
    VERSION_2: ("8fb4b01b56ac48e260fbcbcead7ccc92", "d86969bc2d7c6d9990efb04a"),
}
"""Key and nonce of the integrity tag ([RFC9001] 5.8, [RFC9369] 3.3.3)."""


@dataclass(frozen=True, slots=True)
class InitialHeader:
    """The header of a client's Initial packet, as far as it is not encrypted ([RFC9000] 17.2.2)."""

    version: int
    destination_id: bytes
    source_id: bytes
    token: bytes


def is_initial(datagram: bytes, version: int) -> bool:
    """Return whether a datagram with a long header begins with an Initial packet."""
    return (datagram[0] >> 4) & 3 == _INITIAL[version]


def source_id(datagram: bytes) -> bytes:
    """Return the source connection ID of a long header ([RFC9000] 17.2)."""
    at = 6 + datagram[5]
    return datagram[at + 1 : at + 1 + datagram[at]]


def parse_initial(datagram: bytes) -> InitialHeader | None:
    """Return the header of a datagram's first packet; None if that is no valid Initial packet."""
    version = int.from_bytes(datagram[1:5], "big")
    if (
        len(datagram) < 7
        or not datagram[0] & LONG_HEADER
        or not datagram[0] & FIXED_BIT
        or version not in VERSIONS
        or not is_initial(datagram, version)
    ):
        return None
    try:
        destination, at = _opaque(datagram, 5)
        source, at = _opaque(datagram, at)
        size, at = _variable_integer(datagram, at)
        token, at = datagram[at : at + size], at + size
        rest, at = _variable_integer(datagram, at)
    except IndexError:
        return None
    too_long = max(len(destination), len(source)) > MAX_CONNECTION_ID_SIZE
    if too_long or at + rest > len(datagram):
        return None
    return InitialHeader(version, destination, source, token)


def _opaque(datagram: bytes, at: int) -> tuple[bytes, int]:
    """Return bytes that follow their number, and where they end."""
    end = at + 1 + datagram[at]
    return datagram[at + 1 : end], end


def _variable_integer(datagram: bytes, at: int) -> tuple[int, int]:
    """Return an integer of 1, 2, 4 or 8 bytes, and where it ends ([RFC9000] 16)."""
    size = 1 << (datagram[at] >> 6)
    # Unlike a slice, an index raises an error if there are too few bytes.
    datagram[at + size - 1]
    value = int.from_bytes(datagram[at : at + size], "big")
    return value & ((1 << (8 * size - 2)) - 1), at + size


def version_negotiation(datagram: bytes, destination_id: bytes, versions: Iterable[int]) -> bytes:
    """Return the answer to a datagram with a version that is not one of `versions`.

    [RFC9000] 17.2.1.
    """
    # With the client's two connection IDs exchanged, so that it can match the answer.
    source = source_id(datagram)
    return b"".join(
        (
            bytes([LONG_HEADER | os.urandom(1)[0]]),
            bytes(4),
            bytes([len(source)]),
            source,
            bytes([len(destination_id)]),
            destination_id,
            *(version.to_bytes(4, "big") for version in versions),
        )
    )


def retry(initial: InitialHeader, source_id: bytes, token: bytes) -> bytes:
    """Return the Retry packet after which a client begins anew with `token` ([RFC9000] 17.2.5).

    `source_id` is the connection ID that the client is to use for the server from then on.
    """
    version = initial.version
    packet = b"".join(
        (
            bytes([LONG_HEADER | FIXED_BIT | _RETRY[version] << 4]),
            version.to_bytes(4, "big"),
            bytes([len(initial.source_id)]),
            initial.source_id,
            bytes([len(source_id)]),
            source_id,
            token,
        )
    )
    return packet + retry_integrity_tag(packet, initial.destination_id, version)


def retry_integrity_tag(packet: bytes, original_id: bytes, version: int) -> bytes:
    """Return the last 16 bytes of a Retry packet, of which `packet` is the rest ([RFC9001] 5.8).

    They depend on `original_id`, the connection ID that the client had chosen for the server. So
    only who has seen its Initial packet can send it a Retry packet.
    """
    key, nonce = map(bytes.fromhex, _RETRY_KEYS[version])
    return gmac(key, nonce, bytes([len(original_id)]) + original_id + packet)
