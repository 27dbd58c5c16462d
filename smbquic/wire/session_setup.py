"""SESSION_SETUP: the logon. [MS-SMB2] 2.2.5, 2.2.6"""

from typing import Annotated, ClassVar

from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import U16, U32, U64, Bytes, Fixed, length_of, offset_of
from smbquic.wire.message import Message, message
from smbquic.wire.negotiate import GlobalCapabilities, SecurityMode


class SessionSetupFlags(Flags):
    """Flags of a SESSION_SETUP; BINDING adds a channel to a session. [MS-SMB2] 2.2.5"""

    BINDING = 0x01


class SessionFlags(Flags):
    """Flags of a new session: a guest's, an anonymous one, an encrypted one. [MS-SMB2] 2.2.6"""

    IS_GUEST = 0x0001
    IS_NULL = 0x0002
    ENCRYPT_DATA = 0x0004


@message(25)
class SessionSetupRequest(Message):
    """SMB2_SESSION_SETUP Request. [MS-SMB2] 2.2.5"""

    command: ClassVar[Command] = Command.SESSION_SETUP
    flags: Annotated[SessionSetupFlags, Fixed("B", SessionSetupFlags)]
    security_mode: Annotated[SecurityMode, Fixed("B", SecurityMode)]
    capabilities: Annotated[GlobalCapabilities, Fixed("I", GlobalCapabilities)]
    channel: U32 = 0
    security_buffer_offset: ClassVar = offset_of("security_buffer", U16, always=True)
    security_buffer_length: ClassVar = length_of("security_buffer", U16)
    previous_session_id: U64 = 0
    security_buffer: Bytes = b""


@message(9)
class SessionSetupResponse(Message):
    """SMB2_SESSION_SETUP Response. [MS-SMB2] 2.2.6"""

    command: ClassVar[Command] = Command.SESSION_SETUP
    session_flags: Annotated[SessionFlags, Fixed("H", SessionFlags)]
    security_buffer_offset: ClassVar = offset_of("security_buffer", U16, always=True)
    security_buffer_length: ClassVar = length_of("security_buffer", U16)
    security_buffer: Bytes = b""
