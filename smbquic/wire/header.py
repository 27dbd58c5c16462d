"""The header of every message. [MS-SMB2] 2.2.1"""

from enum import IntEnum
from struct import Struct
from typing import Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import HEADER_SIZE as HEADER_SIZE
from smbquic.wire.cursor import Buffer, unpack
from smbquic.wire.flags import Flags

PROTOCOL_ID = b"\xfeSMB"
SIGNATURE_OFFSET = 48
"""Where the last field of the header, the signature, begins."""

_HEADER = Struct("<4sHHIHHIIQIIQ16s")
UNSIGNED = bytes(16)
"""The signature of a message that has none."""


class Command(IntEnum):
    """Commands of SMB2. [MS-SMB2] 2.2.1.2"""

    NEGOTIATE = 0x00
    SESSION_SETUP = 0x01
    LOGOFF = 0x02
    TREE_CONNECT = 0x03
    TREE_DISCONNECT = 0x04
    CREATE = 0x05
    CLOSE = 0x06
    FLUSH = 0x07
    READ = 0x08
    WRITE = 0x09
    LOCK = 0x0A
    IOCTL = 0x0B
    CANCEL = 0x0C
    ECHO = 0x0D
    QUERY_DIRECTORY = 0x0E
    CHANGE_NOTIFY = 0x0F
    QUERY_INFO = 0x10
    SET_INFO = 0x11
    OPLOCK_BREAK = 0x12
    SERVER_TO_CLIENT_NOTIFICATION = 0x13


_COMMANDS = tuple(Command)


class HeaderFlags(Flags):
    """Flags of a message. [MS-SMB2] 2.2.1.2"""

    SERVER_TO_REDIR = 0x00000001
    ASYNC_COMMAND = 0x00000002
    RELATED_OPERATIONS = 0x00000004
    SIGNED = 0x00000008
    PRIORITY_MASK = 0x00000070
    DFS_OPERATIONS = 0x10000000
    REPLAY_OPERATION = 0x20000000


# Plain integers, because every message is asked for these bits and IntFlag is slow.
_RESPONSE = 0x00000001
_ASYNC = 0x00000002
_RELATED = 0x00000004
_SIGNED = 0x00000008


@dataclass(slots=True)
class Header:
    """The SMB2 header, 64 bytes, in both of its forms. [MS-SMB2] 2.2.1

    `command` is a `Command` where the value is known, and a plain integer otherwise. `flags` is an
    integer to compare with `HeaderFlags`. With ASYNC_COMMAND, `async_id` is on the wire, without
    it `tree_id` is.
    """

    command: int
    message_id: int = 0
    credit_charge: int = 0
    status: int = 0
    credits: int = 0
    flags: int = 0
    next_command: int = 0
    tree_id: int = 0
    async_id: int = 0
    session_id: int = 0
    signature: bytes = UNSIGNED

    @classmethod
    def decode(cls, message: Buffer) -> Self:
        """Decode the header that `message` starts with. Raises `WireError`."""
        (
            protocol_id,
            structure_size,
            credit_charge,
            status,
            command,
            credits_,
            flags,
            next_command,
            message_id,
            low,
            high,
            session_id,
            signature,
        ) = unpack(_HEADER, message)
        if protocol_id != PROTOCOL_ID:
            raise WireError("SMB2 header: the protocol id is another one")
        if structure_size != HEADER_SIZE:
            raise WireError(f"SMB2 header: StructureSize is {structure_size}")
        is_async = flags & _ASYNC
        return cls(
            _COMMANDS[command] if command < len(_COMMANDS) else command,
            message_id,
            credit_charge,
            status,
            credits_,
            flags,
            next_command,
            0 if is_async else high,
            high << 32 | low if is_async else 0,
            session_id,
            signature,
        )

    def encode(self) -> bytes:
        """Encode the 64 bytes of the header."""
        if self.flags & _ASYNC:
            low, high = self.async_id & 0xFFFFFFFF, self.async_id >> 32
        else:
            low, high = 0, self.tree_id
        return _HEADER.pack(
            PROTOCOL_ID,
            HEADER_SIZE,
            self.credit_charge,
            self.status,
            self.command,
            self.credits,
            self.flags,
            self.next_command,
            self.message_id,
            low,
            high,
            self.session_id,
            self.signature,
        )

    @property
    def channel_sequence(self) -> int:
        """The channel sequence, which a request of the 3.x dialects has instead of the status."""
        return self.status & 0xFFFF

    @property
    def is_response(self) -> bool:
        """Return whether the server sent it."""
        return bool(self.flags & _RESPONSE)

    @property
    def is_async(self) -> bool:
        """Return whether it is about a request that has had an interim response."""
        return bool(self.flags & _ASYNC)

    @property
    def is_related(self) -> bool:
        """Return whether it uses session, tree and file of the previous message in the compound."""
        return bool(self.flags & _RELATED)

    @property
    def is_signed(self) -> bool:
        """Return whether `signature` is to be verified."""
        return bool(self.flags & _SIGNED)
