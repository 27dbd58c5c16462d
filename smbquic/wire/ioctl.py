"""IOCTL: controls of files, pipes and the server. [MS-SMB2] 2.2.31, 2.2.32"""

from dataclasses import field
from struct import Struct
from typing import Annotated, ClassVar, Self

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import (
    Buffer,
    Reader,
    pack_u16_list,
    unpack,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import U16, U32, Payload, VariablePart, length_of, offset_of, unused
from smbquic.wire.message import Message, message
from smbquic.wire.negotiate import GlobalCapabilities, SecurityMode

_VALIDATE_REQUEST = Struct("<I16sHH")
_VALIDATE_RESPONSE = Struct("<I16sHH")


class IoctlFlags(Flags):
    """The flags of an IOCTL. [MS-SMB2] 2.2.31"""

    IS_FSCTL = 0x00000001


@message(57)
class IoctlRequest(Message):
    """SMB2_IOCTL Request. [MS-SMB2] 2.2.31

    `ctl_code` compares with `Fsctl`, `flags` with `IoctlFlags`. `decode` returns `input` as a slice
    of the message, not as a copy.
    """

    command: ClassVar[Command] = Command.IOCTL
    reserved: ClassVar = unused(U16)
    ctl_code: U32
    file_id: FileId
    input_offset: ClassVar = offset_of("input", U32, always=True)
    input_count: ClassVar = length_of("input", U32)
    max_input_response: U32 = 0
    output_offset: ClassVar = unused(U32)
    output_count: ClassVar = unused(U32)
    max_output_response: U32 = 0
    flags: U32 = 0x00000001
    reserved2: ClassVar = unused(U32)
    input: Payload = b""


@message(49)
class IoctlResponse(Message):
    """SMB2_IOCTL Response. [MS-SMB2] 2.2.32

    `decode` returns `input` and `output` as slices of the message, not as copies.
    """

    command: ClassVar[Command] = Command.IOCTL
    reserved: ClassVar = unused(U16)
    ctl_code: U32
    file_id: FileId
    input_offset: ClassVar = offset_of("input", U32, always=True)
    input_count: ClassVar = length_of("input", U32)
    output_offset: ClassVar = offset_of("output", U32)
    output_count: ClassVar = length_of("output", U32)
    flags: U32 = field(default=0, kw_only=True)
    reserved2: ClassVar = unused(U32)
    input: Payload = b""
    output: Annotated[Buffer, VariablePart(align=8)] = b""


@dataclass(slots=True)
class ValidateNegotiateInfoRequest:
    """VALIDATE_NEGOTIATE_INFO Request: what the client negotiated. [MS-SMB2] 2.2.31.4"""

    capabilities: GlobalCapabilities
    guid: bytes
    security_mode: SecurityMode
    dialects: list[int]

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the input of the IOCTL. Raises `WireError`."""
        reader = Reader(data)
        capabilities, guid, security_mode, count = reader.unpack(_VALIDATE_REQUEST)
        dialects = reader.u16_list(count)
        return cls(GlobalCapabilities(capabilities), guid, SecurityMode(security_mode), dialects)

    def encode(self) -> bytes:
        """Encode the input of the IOCTL."""
        fixed = _VALIDATE_REQUEST.pack(
            self.capabilities, self.guid, self.security_mode, len(self.dialects)
        )
        return fixed + pack_u16_list(self.dialects)


@dataclass(slots=True)
class ValidateNegotiateInfoResponse:
    """VALIDATE_NEGOTIATE_INFO Response: what the server negotiated. [MS-SMB2] 2.2.32.6"""

    capabilities: GlobalCapabilities
    guid: bytes
    security_mode: SecurityMode
    dialect: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the output of the IOCTL. Raises `WireError`."""
        capabilities, guid, security_mode, dialect = unpack(_VALIDATE_RESPONSE, data)
        return cls(GlobalCapabilities(capabilities), guid, SecurityMode(security_mode), dialect)

    def encode(self) -> bytes:
        """Encode the output of the IOCTL."""
        return _VALIDATE_RESPONSE.pack(
            self.capabilities, self.guid, self.security_mode, self.dialect
        )
