"""IOCTL: everything that has no command of its own. [MS-SMB2] 2.2.31, 2.2.32"""

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import (
    HEADER_SIZE,
    Buffer,
    Reader,
    pack_u16_list,
    padding,
    part,
    unpack,
    unpack_body,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Capabilities, SecurityMode

_REQUEST = Struct("<HHIQQIIIIIIII")
_REQUEST_SIZE = 57
_INPUT_OFFSET = HEADER_SIZE + _REQUEST.size
_RESPONSE = Struct("<HHIQQIIIIII")
_RESPONSE_SIZE = 49
_RESPONSE_INPUT_OFFSET = HEADER_SIZE + _RESPONSE.size
_VALIDATE_REQUEST = Struct("<I16sHH")
_VALIDATE_RESPONSE = Struct("<I16sHH")


class IoctlFlags(Flags):
    """What kind of control it is. [MS-SMB2] 2.2.31"""

    IS_FSCTL = 0x00000001


@dataclass(slots=True)
class IoctlRequest(Message):
    """SMB2_IOCTL Request. [MS-SMB2] 2.2.31

    `ctl_code` compares with `Fsctl`, `flags` with `IoctlFlags`. What `decode` gives as `input` is
    a slice of the message, not a copy.
    """

    command: ClassVar[Command] = Command.IOCTL
    ctl_code: int
    file_id: FileId
    max_input_response: int = 0
    max_output_response: int = 0
    flags: int = 0x00000001
    input: Buffer = b""

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        (
            _,
            _,
            ctl_code,
            persistent,
            volatile,
            input_offset,
            input_count,
            max_input_response,
            _,
            _,
            max_output_response,
            flags,
            _,
        ) = unpack_body(_REQUEST, message, _REQUEST_SIZE, cls.__name__)
        return cls(
            ctl_code,
            FileId(persistent, volatile),
            max_input_response,
            max_output_response,
            flags,
            part(message, input_offset, input_count, cls.__name__),
        )

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        fixed = _REQUEST.pack(
            _REQUEST_SIZE,
            0,
            self.ctl_code,
            *self.file_id,
            _INPUT_OFFSET,
            len(self.input),
            self.max_input_response,
            0,
            0,
            self.max_output_response,
            self.flags,
            0,
        )
        return b"".join((fixed, self.input))


@dataclass(slots=True)
class IoctlResponse(Message):
    """SMB2_IOCTL Response. [MS-SMB2] 2.2.32

    What `decode` gives as `input` and `output` are slices of the message, not copies.
    """

    command: ClassVar[Command] = Command.IOCTL
    ctl_code: int
    file_id: FileId
    input: Buffer = b""
    output: Buffer = b""
    flags: int = 0

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        (
            _,
            _,
            ctl_code,
            persistent,
            volatile,
            input_offset,
            input_count,
            output_offset,
            output_count,
            flags,
            _,
        ) = unpack_body(_RESPONSE, message, _RESPONSE_SIZE, cls.__name__)
        return cls(
            ctl_code,
            FileId(persistent, volatile),
            part(message, input_offset, input_count, cls.__name__),
            part(message, output_offset, output_count, cls.__name__),
            flags,
        )

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        return b"".join(self.buffers())

    def buffers(self) -> list[Buffer]:
        """The fixed part with the input, then the output as it is."""
        gap = padding(len(self.input))
        output_offset = _RESPONSE_INPUT_OFFSET + len(self.input) + len(gap)
        fixed = _RESPONSE.pack(
            _RESPONSE_SIZE,
            0,
            self.ctl_code,
            *self.file_id,
            _RESPONSE_INPUT_OFFSET,
            len(self.input),
            output_offset if self.output else 0,
            len(self.output),
            self.flags,
            0,
        )
        return [b"".join((fixed, self.input, gap)), self.output]


@dataclass(slots=True)
class ValidateNegotiateInfoRequest:
    """VALIDATE_NEGOTIATE_INFO Request: what the client negotiated. [MS-SMB2] 2.2.31.4"""

    capabilities: Capabilities
    guid: bytes
    security_mode: SecurityMode
    dialects: list[int]

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """From the input of the IOCTL. Raises `WireError`."""
        reader = Reader(data)
        capabilities, guid, security_mode, count = reader.unpack(_VALIDATE_REQUEST)
        dialects = reader.u16_list(count)
        return cls(Capabilities(capabilities), guid, SecurityMode(security_mode), dialects)

    def encode(self) -> bytes:
        """The input of the IOCTL."""
        fixed = _VALIDATE_REQUEST.pack(
            self.capabilities, self.guid, self.security_mode, len(self.dialects)
        )
        return fixed + pack_u16_list(self.dialects)


@dataclass(slots=True)
class ValidateNegotiateInfoResponse:
    """VALIDATE_NEGOTIATE_INFO Response: what the server negotiated. [MS-SMB2] 2.2.32.6"""

    capabilities: Capabilities
    guid: bytes
    security_mode: SecurityMode
    dialect: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """From the output of the IOCTL. Raises `WireError`."""
        capabilities, guid, security_mode, dialect = unpack(_VALIDATE_RESPONSE, data)
        return cls(Capabilities(capabilities), guid, SecurityMode(security_mode), dialect)

    def encode(self) -> bytes:
        """The output of the IOCTL."""
        return _VALIDATE_RESPONSE.pack(
            self.capabilities, self.guid, self.security_mode, self.dialect
        )
