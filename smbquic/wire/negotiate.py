"""NEGOTIATE: dialect, capabilities and algorithms of a connection. [MS-SMB2] 2.2.3, 2.2.4"""

from dataclasses import dataclass, field
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import HEADER_SIZE, Reader, pack_u16_list, padding, part, unpack_body
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import Message
from smbquic.wire.negotiate_contexts import NegotiateContext, decode_contexts, encode_contexts

_REQUEST = Struct("<HHHHI16sIHH")
_REQUEST_SIZE = 36
_RESPONSE = Struct("<HHHH16sIIIIQQHHI")
_RESPONSE_SIZE = 65


class Dialect(IntEnum):
    """Revisions of the protocol. [MS-SMB2] 2.2.3, 2.2.4"""

    SMB_2_0_2 = 0x0202
    SMB_2_1 = 0x0210
    WILDCARD = 0x02FF
    SMB_3_0 = 0x0300
    SMB_3_0_2 = 0x0302
    SMB_3_1_1 = 0x0311

    @property
    def label(self) -> str:
        """As people write it: 3.1.1."""
        return self.name.removeprefix("SMB_").replace("_", ".")


class SecurityMode(Flags):
    """What a side says of signing. [MS-SMB2] 2.2.3"""

    SIGNING_ENABLED = 0x01
    SIGNING_REQUIRED = 0x02


class GlobalCapabilities(Flags):
    """What a side can do. [MS-SMB2] 2.2.3"""

    DFS = 0x01
    LEASING = 0x02
    LARGE_MTU = 0x04
    MULTI_CHANNEL = 0x08
    PERSISTENT_HANDLES = 0x10
    DIRECTORY_LEASING = 0x20
    ENCRYPTION = 0x40
    NOTIFICATIONS = 0x80


@dataclass(slots=True)
class NegotiateRequest(Message):
    """SMB2_NEGOTIATE Request. [MS-SMB2] 2.2.3

    `contexts` is on the wire only if `dialects` has 3.1.1.
    """

    command: ClassVar[Command] = Command.NEGOTIATE
    dialects: list[int]
    security_mode: SecurityMode
    capabilities: GlobalCapabilities
    client_guid: bytes
    contexts: list[NegotiateContext] = field(default_factory=list)

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        (
            _,
            dialect_count,
            security_mode,
            _,
            capabilities,
            client_guid,
            context_offset,
            context_count,
            _,
        ) = unpack_body(_REQUEST, message, _REQUEST_SIZE, cls.__name__)
        reader = Reader(message, HEADER_SIZE + _REQUEST.size)
        dialects = reader.u16_list(dialect_count)
        return cls(
            dialects,
            SecurityMode(security_mode),
            GlobalCapabilities(capabilities),
            client_guid,
            decode_contexts(message, context_offset, context_count)
            if Dialect.SMB_3_1_1 in dialects
            else [],
        )

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        fixed_and_dialects = _REQUEST.size + 2 * len(self.dialects)
        gap = contexts = b""
        offset = count = 0
        if Dialect.SMB_3_1_1 in self.dialects:
            gap = padding(fixed_and_dialects)
            offset = HEADER_SIZE + fixed_and_dialects + len(gap)
            count = len(self.contexts)
            contexts = encode_contexts(self.contexts)
        fixed = _REQUEST.pack(
            _REQUEST_SIZE,
            len(self.dialects),
            self.security_mode,
            0,
            self.capabilities,
            self.client_guid,
            offset,
            count,
            0,
        )
        return b"".join((fixed, pack_u16_list(self.dialects), gap, contexts))


@dataclass(slots=True)
class NegotiateResponse(Message):
    """SMB2_NEGOTIATE Response. [MS-SMB2] 2.2.4

    Times are FILETIMEs. `contexts` is on the wire only with dialect 3.1.1.
    """

    command: ClassVar[Command] = Command.NEGOTIATE
    security_mode: SecurityMode
    dialect_revision: int
    server_guid: bytes
    capabilities: GlobalCapabilities
    max_transact_size: int
    max_read_size: int
    max_write_size: int
    system_time: int
    server_start_time: int = 0
    security_buffer: bytes = b""
    contexts: list[NegotiateContext] = field(default_factory=list)

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        (
            _,
            security_mode,
            dialect_revision,
            context_count,
            server_guid,
            capabilities,
            max_transact_size,
            max_read_size,
            max_write_size,
            system_time,
            server_start_time,
            buffer_offset,
            buffer_length,
            context_offset,
        ) = unpack_body(_RESPONSE, message, _RESPONSE_SIZE, cls.__name__)
        return cls(
            SecurityMode(security_mode),
            dialect_revision,
            server_guid,
            GlobalCapabilities(capabilities),
            max_transact_size,
            max_read_size,
            max_write_size,
            system_time,
            server_start_time,
            bytes(part(message, buffer_offset, buffer_length, cls.__name__)),
            decode_contexts(message, context_offset, context_count)
            if dialect_revision == Dialect.SMB_3_1_1
            else [],
        )

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        buffer_offset = HEADER_SIZE + _RESPONSE.size
        end = buffer_offset + len(self.security_buffer)
        gap = contexts = b""
        offset = count = 0
        if self.dialect_revision == Dialect.SMB_3_1_1:
            gap = padding(end)
            offset = end + len(gap)
            count = len(self.contexts)
            contexts = encode_contexts(self.contexts)
        fixed = _RESPONSE.pack(
            _RESPONSE_SIZE,
            self.security_mode,
            self.dialect_revision,
            count,
            self.server_guid,
            self.capabilities,
            self.max_transact_size,
            self.max_read_size,
            self.max_write_size,
            self.system_time,
            self.server_start_time,
            buffer_offset,
            len(self.security_buffer),
            offset,
        )
        return b"".join((fixed, self.security_buffer, gap, contexts))
