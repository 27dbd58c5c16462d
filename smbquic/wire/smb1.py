"""The one SMB1 message that an SMB2 server answers: the multi-protocol negotiate.

[MS-SMB2] 3.3.5.3, [MS-CIFS] 2.2.4.52
"""

from struct import Struct

from smbquic.errors import WireError
from smbquic.wire.cursor import Buffer, Reader

SMB1_PROTOCOL_ID = b"\xffSMB"
DIALECT_SMB_2_002 = "SMB 2.002"
DIALECT_SMB_2_WILDCARD = "SMB 2.???"

_HEADER = Struct("<4sB27x")
_COM_NEGOTIATE = 0x72
_BUFFER_FORMAT_DIALECT = 0x02


def is_smb1(message: Buffer) -> bool:
    """Return whether `message` starts with the protocol id of SMB1."""
    return bytes(message[:4]) == SMB1_PROTOCOL_ID


def decode_multi_protocol_negotiate(message: Buffer) -> list[str]:
    """Decode the dialect strings of an SMB_COM_NEGOTIATE request, in their order.

    Raises `WireError`.
    """
    reader = Reader(message)
    protocol_id, command = reader.unpack(_HEADER)
    if protocol_id != SMB1_PROTOCOL_ID or command != _COM_NEGOTIATE:
        raise WireError("the message is not an SMB1 negotiate")
    reader.take(2 * reader.u8())
    dialects: list[str] = []
    rest = bytes(reader.take(reader.u16()))
    while rest:
        name, terminator, following = rest[1:].partition(b"\0")
        if rest[0] != _BUFFER_FORMAT_DIALECT or not terminator:
            raise WireError("SMB1 negotiate: a dialect is not a terminated string")
        dialects.append(name.decode("latin-1"))
        rest = following
    return dialects


def encode_multi_protocol_negotiate(dialects: list[str]) -> bytes:
    """Encode the whole SMB_COM_NEGOTIATE request that offers `dialects`."""
    strings = b"".join(b"\x02" + name.encode("latin-1") + b"\0" for name in dialects)
    return (
        _HEADER.pack(SMB1_PROTOCOL_ID, _COM_NEGOTIATE)
        + Struct("<BH").pack(0, len(strings))
        + strings
    )
