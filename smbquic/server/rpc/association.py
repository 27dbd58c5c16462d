"""The RPC association of one client with a service over a pipe, without I/O. [MS-RPCE] 3.3.3"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from itertools import chain, count

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer
from smbquic.wire.rpc.pdu import (
    HEADER_SIZE,
    AlterContext,
    AlterContextResp,
    Bind,
    BindAck,
    BindNak,
    BindNakReason,
    BindReason,
    BindResult,
    ContextResult,
    FaultStatus,
    PduFlags,
    PduHeader,
    PduType,
    PresentationContext,
    RpcFault,
    RpcRequest,
    response_fragments,
)
from smbquic.wire.rpc.syntax import NDR, SyntaxId

_log = logging.getLogger(__name__)

MAX_FRAGMENT = 5840
"""Bytes of a PDU. Every peer accepts 1432; Windows and Samba offer about this."""

_LEAST_FRAGMENT = 1432
_MAX_STUB = 1 << 16
_MAX_CONTEXTS = 32
_groups = count(0x5300)

Method = Callable[[Buffer], bytes]
"""Returns the stub of the response to that of a request. May raise `WireError`."""


@dataclass(frozen=True, slots=True)
class RpcInterface:
    """An RPC interface: the methods that can be called under one UUID."""

    syntax: SyntaxId
    methods: Mapping[int, Method]


@dataclass(slots=True)
class _Call:
    context_id: int
    opnum: int
    stub: bytearray = field(default_factory=bytearray)


class Association:
    """The server's end of an RPC association over a pipe, as bytes that a client writes and reads.

    `failed`: the client broke the protocol, and nothing that it writes is understood any more.
    """

    def __init__(self, name: str, interfaces: tuple[RpcInterface, ...]) -> None:
        self.failed = False
        self._name = name
        self._interfaces = interfaces
        self._contexts: dict[int, RpcInterface] = {}
        self._calls: dict[int, _Call] = {}
        self._max_fragment = MAX_FRAGMENT
        self._group = 0
        self._data = bytearray()

    @property
    def held(self) -> int:
        """The bytes that wait for the rest of their PDU or call."""
        return len(self._data) + sum(len(call.stub) for call in self._calls.values())

    def receive(self, data: Buffer) -> list[bytes]:
        """Return the PDUs that answer what was written, which need not be whole PDUs."""
        return list(chain.from_iterable(self.receive_each(data)))

    def receive_each(self, data: Buffer) -> Iterator[list[bytes]]:
        """Do the same in steps, one for each PDU: there may be thousands."""
        self._data += data
        try:
            while not self.failed and len(self._data) >= HEADER_SIZE:
                header = PduHeader.decode(self._data)
                if header.frag_length > MAX_FRAGMENT:
                    raise WireError(f"a fragment of {header.frag_length} bytes")
                if len(self._data) < header.frag_length:
                    break
                pdu = bytes(self._data[: header.frag_length])
                del self._data[: header.frag_length]
                yield self._answer(header, pdu)
        except WireError as error:
            _log.info("pipe %s: %s", self._name, error)
            self.failed = True
            self._data.clear()

    def _answer(self, header: PduHeader, pdu: bytes) -> list[bytes]:
        if header.pdu_type == PduType.BIND:
            return [self._bind(header, pdu)]
        if header.pdu_type == PduType.ALTER_CONTEXT:
            wanted = AlterContext.decode(pdu)
            results = [self._add(context) for context in wanted.contexts]
            return [AlterContextResp(header.call_id, results, *self._terms()).encode()]
        if header.pdu_type == PduType.REQUEST:
            return self._request(RpcRequest.decode(pdu))
        if header.pdu_type in (PduType.CO_CANCEL, PduType.ORPHANED):
            self._calls.pop(header.call_id, None)
            return []
        raise WireError(f"a PDU of type {header.pdu_type}")

    def _bind(self, header: PduHeader, pdu: bytes) -> bytes:
        if header.auth_length:
            # The pipe's session has authenticated the client already.
            reason = BindNakReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED
            return BindNak(header.call_id, reason).encode()
        wanted = Bind.decode(pdu)
        least = min(wanted.max_recv_frag, MAX_FRAGMENT)
        if least < _LEAST_FRAGMENT:
            return BindNak(header.call_id, BindNakReason.LOCAL_LIMIT_EXCEEDED).encode()
        self._max_fragment = least
        self._group = wanted.assoc_group_id or next(_groups) & 0xFFFF_FFFF
        results = [self._add(context) for context in wanted.contexts]
        address = f"\\PIPE\\{self._name}"
        return BindAck(header.call_id, results, *self._terms(), address).encode()

    def _terms(self) -> tuple[int, int, int]:
        return self._max_fragment, MAX_FRAGMENT, self._group

    def _add(self, wanted: PresentationContext) -> ContextResult:
        """Reject the negotiation of features while binding: only NDR is supported."""
        interface = next(
            (
                known
                for known in self._interfaces
                if known.syntax.uuid == wanted.abstract_syntax.uuid
                and known.syntax.major == wanted.abstract_syntax.major
            ),
            None,
        )
        reason = BindReason.REASON_NOT_SPECIFIED
        if interface is None:
            reason = BindReason.ABSTRACT_SYNTAX_NOT_SUPPORTED
        elif NDR not in wanted.transfer_syntaxes:
            reason = BindReason.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED
        elif len(self._contexts) >= _MAX_CONTEXTS:
            reason = BindReason.LOCAL_LIMIT_EXCEEDED
        else:
            self._contexts[wanted.context_id] = interface
            return ContextResult(BindResult.ACCEPTANCE, reason, NDR.encode())
        return ContextResult(BindResult.PROVIDER_REJECTION, reason)

    def _request(self, fragment: RpcRequest) -> list[bytes]:
        """Collect the fragments of a call; return the answer once the last one has come."""
        call_id = fragment.call_id
        if fragment.flags & PduFlags.FIRST_FRAG:
            # One call after the other: what was begun before is given up.
            self._calls = {call_id: _Call(fragment.context_id, fragment.opnum)}
        call = self._calls.get(call_id)
        if call is None:
            raise WireError(f"a fragment of the unknown call {call_id}")
        call.stub += fragment.stub
        if len(call.stub) > _MAX_STUB:
            raise WireError(f"a call of more than {_MAX_STUB} bytes")
        if not fragment.flags & PduFlags.LAST_FRAG:
            return []
        del self._calls[call_id]
        result = self._call(call)
        if isinstance(result, FaultStatus):
            flags = int(PduFlags.FIRST_FRAG | PduFlags.LAST_FRAG | PduFlags.DID_NOT_EXECUTE)
            return [RpcFault(call_id, result, call.context_id, flags).encode()]
        return response_fragments(call_id, call.context_id, result, self._max_fragment)

    def _call(self, call: _Call) -> bytes | FaultStatus:
        interface = self._contexts.get(call.context_id)
        if interface is None:
            return FaultStatus.UNK_IF
        method = interface.methods.get(call.opnum)
        if method is None:
            return FaultStatus.OP_RNG_ERROR
        try:
            return method(memoryview(bytes(call.stub)))
        except WireError as error:
            _log.info("pipe %s: call %d: %s", self._name, call.opnum, error)
            return FaultStatus.BAD_STUB_DATA
