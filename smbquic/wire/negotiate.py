"""NEGOTIATE: dialect, capabilities and algorithms of a connection. [MS-SMB2] 2.2.3, 2.2.4"""

from dataclasses import field
from enum import IntEnum
from typing import Annotated, Any, ClassVar

from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import (
    U16,
    U32,
    U64,
    Bytes,
    Bytes16,
    ContextList,
    Fixed,
    U16List,
    count_of,
    length_of,
    offset_of,
    unused,
)
from smbquic.wire.message import Message, message
from smbquic.wire.negotiate_contexts import NegotiateContext, decode_contexts, encode_contexts


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
        """The usual spelling, such as 3.1.1."""
        return self.name.removeprefix("SMB_").replace("_", ".")


class SecurityMode(Flags):
    """Security modes: signing is enabled, or it is required. [MS-SMB2] 2.2.3"""

    SIGNING_ENABLED = 0x01
    SIGNING_REQUIRED = 0x02


class GlobalCapabilities(Flags):
    """The capabilities of one end. [MS-SMB2] 2.2.3"""

    DFS = 0x01
    LEASING = 0x02
    LARGE_MTU = 0x04
    MULTI_CHANNEL = 0x08
    PERSISTENT_HANDLES = 0x10
    DIRECTORY_LEASING = 0x20
    ENCRYPTION = 0x40
    NOTIFICATIONS = 0x80


def _request_has_contexts(request: Any) -> bool:
    return Dialect.SMB_3_1_1 in request.dialects


def _response_has_contexts(response: Any) -> bool:
    return bool(response.dialect_revision == Dialect.SMB_3_1_1)


@message(36)
class NegotiateRequest(Message):
    """SMB2_NEGOTIATE Request. [MS-SMB2] 2.2.3

    `contexts` is on the wire only if `dialects` has 3.1.1: in the older dialects the three fields
    that point at them are ClientStartTime, which servers ignore.
    """

    command: ClassVar[Command] = Command.NEGOTIATE
    dialect_count: ClassVar = count_of("dialects", U16)
    security_mode: Annotated[SecurityMode, Fixed("H", SecurityMode)]
    reserved: ClassVar = unused(U16)
    capabilities: Annotated[GlobalCapabilities, Fixed("I", GlobalCapabilities)]
    client_guid: Bytes16
    negotiate_context_offset: ClassVar = offset_of("contexts", U32)
    negotiate_context_count: ClassVar = count_of("contexts", U16)
    reserved2: ClassVar = unused(U16)
    dialects: U16List
    contexts: Annotated[
        list[NegotiateContext], ContextList(decode_contexts, encode_contexts, _request_has_contexts)
    ] = field(default_factory=list)


@message(65)
class NegotiateResponse(Message):
    """SMB2_NEGOTIATE Response. [MS-SMB2] 2.2.4

    Times are FILETIMEs. `contexts` is on the wire only with dialect 3.1.1; the fields that point at
    them are reserved with the older dialects.
    """

    command: ClassVar[Command] = Command.NEGOTIATE
    security_mode: Annotated[SecurityMode, Fixed("H", SecurityMode)]
    dialect_revision: U16
    negotiate_context_count: ClassVar = count_of("contexts", U16)
    server_guid: Bytes16
    capabilities: Annotated[GlobalCapabilities, Fixed("I", GlobalCapabilities)]
    max_transact_size: U32
    max_read_size: U32
    max_write_size: U32
    system_time: U64
    server_start_time: U64 = 0
    security_buffer_offset: ClassVar = offset_of("security_buffer", U16, always=True)
    security_buffer_length: ClassVar = length_of("security_buffer", U16)
    negotiate_context_offset: ClassVar = offset_of("contexts", U32)
    security_buffer: Bytes = b""
    contexts: Annotated[
        list[NegotiateContext],
        ContextList(decode_contexts, encode_contexts, _response_has_contexts),
    ] = field(default_factory=list)
