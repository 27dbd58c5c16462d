"""The PDUs of connection-oriented RPC. [MS-RPCE] 2.2.2, [C706] 12.6"""

from collections.abc import Iterator
from dataclasses import field
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader, padding
from smbquic.wire.flags import Flags
from smbquic.wire.rpc.syntax import SYNTAX_SIZE, SyntaxId

_HEADER = Struct("<BBBB4sHHI")
_BIND = Struct("<HHIBxxx")
_CONTEXT = Struct("<HBx")
_BIND_ACK = Struct("<HHI")
_RESULTS = Struct("<Bxxx")
_RESULT = Struct("<HH20s")
_REQUEST = Struct("<IHH")
_RESPONSE = Struct("<IHBx")
_FAULT = Struct("<IHBxI4x")
_NAK = Struct("<HB")
_VERSION = Struct("<BB")
_LENGTH = Struct("<H")
_DATA_REPRESENTATION = b"\x10\x00\x00\x00"
_UUID_SIZE = 16
_MAX_FRAGMENT = 0xFFFF

HEADER_SIZE = _HEADER.size
"""Bytes of the header that all PDUs begin with."""
RESPONSE_SIZE = HEADER_SIZE + _RESPONSE.size
"""Bytes of a response before its stub."""
REQUEST_SIZE = HEADER_SIZE + _REQUEST.size
"""Bytes of a request before its stub, if it names no object."""


class PduType(IntEnum):
    """Types of PDUs. [C706] 12.6.4"""

    REQUEST = 0
    RESPONSE = 2
    FAULT = 3
    BIND = 11
    BIND_ACK = 12
    BIND_NAK = 13
    ALTER_CONTEXT = 14
    ALTER_CONTEXT_RESP = 15
    AUTH3 = 16
    SHUTDOWN = 17
    CO_CANCEL = 18
    ORPHANED = 19


class PduFlags(Flags):
    """PFC flags. [C706] 12.6.3.1"""

    FIRST_FRAG = 0x01
    LAST_FRAG = 0x02
    PENDING_CANCEL = 0x04
    CONC_MPX = 0x10
    DID_NOT_EXECUTE = 0x20
    MAYBE = 0x40
    OBJECT_UUID = 0x80


WHOLE = PduFlags.FIRST_FRAG | PduFlags.LAST_FRAG
"""A PDU that is the only one of its call."""


class BindResult(IntEnum):
    """Results for a presentation context. [C706] 12.6.3.1, [MS-RPCE] 2.2.2.4"""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    PROVIDER_REJECTION = 2
    NEGOTIATE_ACK = 3


class BindReason(IntEnum):
    """Reasons to reject a presentation context. [C706] 12.6.3.1"""

    REASON_NOT_SPECIFIED = 0
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 1
    PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED = 2
    LOCAL_LIMIT_EXCEEDED = 3


class BindNakReason(IntEnum):
    """Reasons to reject a bind as a whole. [C706] 12.6.3.1, [MS-RPCE] 2.2.2.5"""

    REASON_NOT_SPECIFIED = 0
    TEMPORARY_CONGESTION = 1
    LOCAL_LIMIT_EXCEEDED = 2
    PROTOCOL_VERSION_NOT_SUPPORTED = 4
    AUTHENTICATION_TYPE_NOT_RECOGNIZED = 8
    INVALID_CHECKSUM = 9


class FaultStatus(IntEnum):
    """Status codes of calls that the service never got. [C706] E, [MS-RPCE] 2.2.2.8"""

    ACCESS_DENIED = 0x00000005
    BAD_STUB_DATA = 0x000006F7
    OP_RNG_ERROR = 0x1C010002
    UNK_IF = 0x1C010003
    PROTO_ERROR = 0x1C01000B
    CONTEXT_MISMATCH = 0x1C00001A
    REMOTE_NO_MEMORY = 0x1C00001B


@dataclass(slots=True)
class PduHeader:
    """The common header. `frag_length` counts it too, in bytes. [C706] 12.6.3.1

    `pdu_type` compares with `PduType`, `flags` with `PduFlags`.
    """

    pdu_type: int
    flags: int
    frag_length: int
    auth_length: int
    call_id: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the beginning of a PDU. Raises `WireError` for what is not little-endian RPC 5."""
        version, minor, pdu_type, flags, representation, frag_length, auth_length, call_id = Reader(
            data
        ).unpack(_HEADER)
        if version != 5 or minor > 1:
            raise WireError(f"RPC of version {version}.{minor}")
        if representation[0] != _DATA_REPRESENTATION[0]:
            raise WireError(f"RPC in the data representation {representation.hex()}")
        if frag_length < _HEADER.size:
            raise WireError(f"a fragment of {frag_length} bytes")
        return cls(pdu_type, flags, frag_length, auth_length, call_id)


def _encode(pdu_type: PduType, flags: int, call_id: int, *parts: Buffer) -> bytes:
    size = _HEADER.size + sum(map(len, parts))
    if size > _MAX_FRAGMENT:
        raise ValueError(f"a fragment of {size} bytes")
    header = _HEADER.pack(5, 0, pdu_type, flags, _DATA_REPRESENTATION, size, 0, call_id)
    return b"".join((header, *parts))


@dataclass(slots=True)
class PresentationContext:
    """An interface that a client wants to call, and its transfer syntaxes for it."""

    context_id: int
    abstract_syntax: SyntaxId
    transfer_syntaxes: list[SyntaxId]


@dataclass(slots=True)
class Bind:
    """A bind or an alter_context, without authentication. [C706] 12.6.4.3, 12.6.4.1

    Fragments are in bytes.
    """

    call_id: int
    contexts: list[PresentationContext]
    max_xmit_frag: int = 4280
    max_recv_frag: int = 4280
    assoc_group_id: int = 0
    pdu_type: ClassVar[PduType] = PduType.BIND

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode a whole PDU. Raises `WireError`."""
        header = PduHeader.decode(data)
        reader = Reader(data, _HEADER.size)
        max_xmit, max_recv, group, count = reader.unpack(_BIND)
        contexts = []
        for _ in range(count):
            context_id, syntaxes = reader.unpack(_CONTEXT)
            abstract = SyntaxId.of(reader.take(SYNTAX_SIZE))
            transfer = [SyntaxId.of(reader.take(SYNTAX_SIZE)) for _ in range(syntaxes)]
            contexts.append(PresentationContext(context_id, abstract, transfer))
        return cls(header.call_id, contexts, max_xmit, max_recv, group)

    def encode(self) -> bytes:
        """Encode the PDU."""
        fixed = _BIND.pack(
            self.max_xmit_frag, self.max_recv_frag, self.assoc_group_id, len(self.contexts)
        )
        parts = [fixed]
        for context in self.contexts:
            parts.append(_CONTEXT.pack(context.context_id, len(context.transfer_syntaxes)))
            parts.append(context.abstract_syntax.encode())
            parts += [syntax.encode() for syntax in context.transfer_syntaxes]
        return _encode(self.pdu_type, WHOLE, self.call_id, *parts)


class AlterContext(Bind):
    """A bind of further interfaces. [C706] 12.6.4.1"""

    __slots__ = ()
    pdu_type: ClassVar[PduType] = PduType.ALTER_CONTEXT


@dataclass(slots=True)
class ContextResult:
    """The result for one presentation context.

    `result` compares with `BindResult`, `reason` with `BindReason`; of a NEGOTIATE_ACK it holds
    feature bits. The syntax is all zero where there is none.
    """

    result: int
    reason: int
    transfer_syntax: bytes = bytes(SYNTAX_SIZE)


@dataclass(slots=True)
class BindAck:
    """A bind_ack, or an alter_context_resp. [C706] 12.6.4.4, 12.6.4.2"""

    call_id: int
    results: list[ContextResult]
    max_xmit_frag: int = 4280
    max_recv_frag: int = 4280
    assoc_group_id: int = 0
    secondary_address: str = ""
    pdu_type: ClassVar[PduType] = PduType.BIND_ACK

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode a whole PDU. Raises `WireError`."""
        header = PduHeader.decode(data)
        reader = Reader(data, _HEADER.size)
        max_xmit, max_recv, group = reader.unpack(_BIND_ACK)
        address = bytes(reader.take(reader.u16())).rstrip(b"\0")
        reader.align(4)
        (count,) = reader.unpack(_RESULTS)
        results = [ContextResult(*reader.unpack(_RESULT)) for _ in range(count)]
        return cls(header.call_id, results, max_xmit, max_recv, group, address.decode("latin-1"))

    def encode(self) -> bytes:
        """Encode the PDU."""
        fixed = _BIND_ACK.pack(self.max_xmit_frag, self.max_recv_frag, self.assoc_group_id)
        address = (
            self.secondary_address.encode("latin-1") + b"\0" if self.secondary_address else b""
        )
        length = _LENGTH.pack(len(address))
        gap = padding(_HEADER.size + len(fixed) + len(length) + len(address), 4)
        results = [_RESULT.pack(r.result, r.reason, r.transfer_syntax) for r in self.results]
        count = _RESULTS.pack(len(results))
        return _encode(
            self.pdu_type, WHOLE, self.call_id, fixed, length, address, gap, count, *results
        )


class AlterContextResp(BindAck):
    """The answer to an alter_context. [C706] 12.6.4.2"""

    __slots__ = ()
    pdu_type: ClassVar[PduType] = PduType.ALTER_CONTEXT_RESP


@dataclass(slots=True)
class BindNak:
    """A bind_nak; `reason` compares with `BindNakReason`. [MS-RPCE] 2.2.2.9"""

    call_id: int
    reason: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode a whole PDU. Raises `WireError`."""
        header = PduHeader.decode(data)
        return cls(header.call_id, Reader(data, _HEADER.size).u16())

    def encode(self) -> bytes:
        """Encode the PDU, which says that this is version 5.0."""
        body = _NAK.pack(self.reason, 1) + _VERSION.pack(5, 0)
        return _encode(PduType.BIND_NAK, WHOLE, self.call_id, body)


@dataclass(slots=True)
class RpcRequest:
    """A fragment of a call. `stub` is a slice of the PDU, not a copy. [C706] 12.6.4.9"""

    call_id: int
    opnum: int
    stub: Buffer
    context_id: int = 0
    alloc_hint: int = 0
    flags: int = field(default=int(WHOLE))

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode a whole PDU. Raises `WireError`, also for one with authentication."""
        header = _plain_header(data)
        reader = Reader(data, _HEADER.size)
        alloc_hint, context_id, opnum = reader.unpack(_REQUEST)
        if header.flags & PduFlags.OBJECT_UUID:
            reader.take(_UUID_SIZE)
        stub = reader.take(reader.remaining)
        return cls(header.call_id, opnum, stub, context_id, alloc_hint, header.flags)

    def encode(self) -> bytes:
        """Encode the PDU."""
        fixed = _REQUEST.pack(self.alloc_hint or len(self.stub), self.context_id, self.opnum)
        return _encode(PduType.REQUEST, self.flags, self.call_id, fixed, self.stub)


@dataclass(slots=True)
class RpcResponse:
    """A fragment of an answer. `stub` is a slice of the PDU, not a copy. [C706] 12.6.4.10"""

    call_id: int
    stub: Buffer
    context_id: int = 0
    alloc_hint: int = 0
    flags: int = field(default=int(WHOLE))

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode a whole PDU. Raises `WireError`, also for one with authentication."""
        header = _plain_header(data)
        reader = Reader(data, _HEADER.size)
        alloc_hint, context_id, _ = reader.unpack(_RESPONSE)
        stub = reader.take(reader.remaining)
        return cls(header.call_id, stub, context_id, alloc_hint, header.flags)

    def encode(self) -> bytes:
        """Encode the PDU."""
        fixed = _RESPONSE.pack(self.alloc_hint or len(self.stub), self.context_id, 0)
        return _encode(PduType.RESPONSE, self.flags, self.call_id, fixed, self.stub)


@dataclass(slots=True)
class RpcFault:
    """The failure of a call; `status` compares with `FaultStatus`. [MS-RPCE] 2.2.2.8"""

    call_id: int
    status: int
    context_id: int = 0
    flags: int = field(default=int(WHOLE))

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode a whole PDU. Raises `WireError`."""
        header = PduHeader.decode(data)
        _, context_id, _, status = Reader(data, _HEADER.size).unpack(_FAULT)
        return cls(header.call_id, status, context_id, header.flags)

    def encode(self) -> bytes:
        """Encode the PDU."""
        fixed = _FAULT.pack(0, self.context_id, 0, self.status)
        return _encode(PduType.FAULT, self.flags, self.call_id, fixed)


def _plain_header(data: Buffer) -> PduHeader:
    header = PduHeader.decode(data)
    if header.auth_length:
        raise WireError("an RPC fragment with an authentication verifier")
    return header


def response_fragments(
    call_id: int, context_id: int, stub: bytes, max_fragment: int
) -> list[bytes]:
    """Return the PDUs of an answer, none longer than `max_fragment` bytes."""
    return [
        RpcResponse(call_id, part, context_id, left, place).encode()
        for part, left, place in _cut(stub, max_fragment - RESPONSE_SIZE)
    ]


def request_fragments(
    call_id: int, context_id: int, opnum: int, stub: bytes, max_fragment: int
) -> list[bytes]:
    """Return the PDUs of a call, none longer than `max_fragment` bytes."""
    return [
        RpcRequest(call_id, opnum, part, context_id, left, place).encode()
        for part, left, place in _cut(stub, max_fragment - REQUEST_SIZE)
    ]


def _cut(stub: bytes, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield parts of up to `size` bytes, each with what is left from its start on and its flags."""
    for start in range(0, max(len(stub), 1), size):
        left = len(stub) - start
        yield stub[start : start + size], left, _place(start == 0, left <= size)


def _place(first: bool, last: bool) -> int:
    return int(PduFlags.FIRST_FRAG) * first | int(PduFlags.LAST_FRAG) * last
