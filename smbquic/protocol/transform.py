"""The transformations of every message, received or sent, the same at both ends.

    received   decrypt, decompress, take a compound apart; then verify and decode each element
    sent       encode each element and sign it, put a compound together; then compress, encrypt

[MS-SMB2] 3.1.4, 3.1.5. The order is the specification's: a signature covers what was encoded and
is inside of what is compressed, and compressed bytes are what is encrypted. Which session's keys
an element has to be verified with, and whether it may come unsigned, are rules that differ: they
are with the server's `Receiver` and the client's `ClientProtocol`, which verify with
`Protection.verify` and decode with `smbquic.wire.messages`.

A payload is passed on as the buffer that it came in. Only encryption writes it anew.
"""

from collections.abc import Callable, Iterable, Sequence

from smbquic.crypto.compression import Compression
from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.protocol.message import elements, padding, total
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.protection import Protection
from smbquic.wire.cursor import HEADER_SIZE, Buffer
from smbquic.wire.header import PROTOCOL_ID, Header
from smbquic.wire.transform import (
    COMPRESSION_PROTOCOL_ID,
    TRANSFORM_PROTOCOL_ID,
    TransformHeader,
)

_ID_SIZE = len(PROTOCOL_ID)


@dataclass(slots=True)
class OutgoingElement:
    """One request or response to be sent; `signing` has the key to sign it with, if any."""

    header: Header
    body: list[Buffer]
    signing: Protection | None = None


def receive(
    message: memoryview,
    find_protection: Callable[[int], Protection],
    negotiated: Negotiated | None,
) -> tuple[Iterable[tuple[Header, memoryview]], Protection | None]:
    """Return each element's header and bytes, and whose keys the message was encrypted with.

    `find_protection` gives the keys of a session by its id, and raises for one that has none.
    Raises `WireError` or `SecurityError`, here or while the elements are iterated over.
    """
    encrypted_with = None
    protocol_id = message[:_ID_SIZE]
    if protocol_id == PROTOCOL_ID:  # neither encrypted nor compressed, as most are over QUIC
        return elements(message), None
    if protocol_id == TRANSFORM_PROTOCOL_ID:
        # The session id is not secret, and covered by the tag: other keys do not decrypt it.
        encrypted_with = find_protection(TransformHeader.decode(message).session_id)
        message = encrypted_with.decrypt(message)
        protocol_id = message[:_ID_SIZE]
    if protocol_id == COMPRESSION_PROTOCOL_ID and negotiated and negotiated.compression:
        message = negotiated.compression.decompress(message)
        protocol_id = message[:_ID_SIZE]
    if protocol_id != PROTOCOL_ID:
        raise WireError(f"a message that starts with {protocol_id.hex()}")
    return elements(message), encrypted_with


def send(
    outgoing: Sequence[OutgoingElement],
    encryption: Protection | None,
    compression: Compression | None = None,
    *,
    pad_last: bool = False,
) -> list[Buffer]:
    """Return the buffers of one message, encrypted with the keys of `encryption` if it is given.

    `pad_last` fills the last element of a compound up to 8 bytes, too, as servers have to
    ([MS-SMB2] 3.3.4.1.3) and clients need not (3.2.4.1.4).
    """
    message: list[Buffer] = []
    last = len(outgoing) - 1
    for index, element in enumerate(outgoing):
        header, body = element.header, element.body
        if last and (pad_last or index < last):
            size = HEADER_SIZE + total(body)
            filler = padding(size)
            if filler:
                body = [*body, filler]
            if index < last:
                header.next_command = size + len(filler)
        signing = element.signing
        message.append(header.encode() if signing is None else signing.sign(header, body))
        message += body
    # Compressed before it is encrypted: what is encrypted has nothing left to compress.
    if compression is not None:
        message = compression.compress(message)
    return message if encryption is None else encryption.encrypt(message)
