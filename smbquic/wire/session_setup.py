"""SESSION_SETUP: the logon. [MS-SMB2] 2.2.5, 2.2.6"""

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import HEADER_SIZE, part, unpack_body
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Capabilities, SecurityMode

_REQUEST = Struct("<HBBIIHHQ")
_REQUEST_SIZE = 25
_RESPONSE = Struct("<HHHH")
_RESPONSE_SIZE = 9


class SessionSetupFlags(Flags):
    """How to set the session up. [MS-SMB2] 2.2.5"""

    BINDING = 0x01


class SessionFlags(Flags):
    """What the server made of the logon. [MS-SMB2] 2.2.6"""

    IS_GUEST = 0x0001
    IS_NULL = 0x0002
    ENCRYPT_DATA = 0x0004


@dataclass(slots=True)
class SessionSetupRequest(Message):
    """SMB2_SESSION_SETUP Request. [MS-SMB2] 2.2.5"""

    command: ClassVar[Command] = Command.SESSION_SETUP
    flags: SessionSetupFlags
    security_mode: SecurityMode
    capabilities: Capabilities
    channel: int = 0
    previous_session_id: int = 0
    security_buffer: bytes = b""

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, flags, security_mode, capabilities, channel, offset, length, previous = unpack_body(
            _REQUEST, message, _REQUEST_SIZE, cls.__name__
        )
        return cls(
            SessionSetupFlags(flags),
            SecurityMode(security_mode),
            Capabilities(capabilities),
            channel,
            previous,
            bytes(part(message, offset, length, cls.__name__)),
        )

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        fixed = _REQUEST.pack(
            _REQUEST_SIZE,
            self.flags,
            self.security_mode,
            self.capabilities,
            self.channel,
            HEADER_SIZE + _REQUEST.size,
            len(self.security_buffer),
            self.previous_session_id,
        )
        return fixed + self.security_buffer


@dataclass(slots=True)
class SessionSetupResponse(Message):
    """SMB2_SESSION_SETUP Response. [MS-SMB2] 2.2.6"""

    command: ClassVar[Command] = Command.SESSION_SETUP
    session_flags: SessionFlags
    security_buffer: bytes = b""

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, session_flags, offset, length = unpack_body(
            _RESPONSE, message, _RESPONSE_SIZE, cls.__name__
        )
        return cls(SessionFlags(session_flags), bytes(part(message, offset, length, cls.__name__)))

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        fixed = _RESPONSE.pack(
            _RESPONSE_SIZE,
            self.session_flags,
            HEADER_SIZE + _RESPONSE.size,
            len(self.security_buffer),
        )
        return fixed + self.security_buffer
