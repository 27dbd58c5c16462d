"""Calls to a server's services over its named pipes. [MS-RPCE] 3.3.2, [MS-SMB2] 3.2.4.20.4"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Literal

from smbquic.client import requests
from smbquic.client.stat import ShareEntry
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import DeniedError, NotListedError, RemoteProtocolError
from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateResponse
from smbquic.wire.error import ErrorResponse
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlRequest, IoctlResponse
from smbquic.wire.message import Message
from smbquic.wire.read import ReadResponse
from smbquic.wire.rpc.pdu import (
    HEADER_SIZE,
    Bind,
    BindAck,
    BindNak,
    BindResult,
    PduFlags,
    PduHeader,
    PduType,
    PresentationContext,
    RpcFault,
    RpcRequest,
    RpcResponse,
)
from smbquic.wire.rpc.srvsvc import (
    SRVSVC,
    NetrShareEnumRequest,
    NetrShareEnumResponse,
    NetStatus,
    ShareInfo,
    ShareTypes,
    SrvsvcOpnum,
)
from smbquic.wire.rpc.syntax import NDR, SyntaxId

PIPE_SHARE = "IPC$"

_ACCESS = AccessMask.FILE_READ_DATA | AccessMask.FILE_WRITE_DATA | AccessMask.SYNCHRONIZE
_CHUNK = 4280
MOST_SHARES = 65_536
"""How many shares a server may list."""
_MAX_STUB = 16 << 20
_KIND_BITS = 0x3
_KINDS: tuple[Literal["disk", "printer", "device", "pipe"], ...] = (
    "disk",
    "printer",
    "device",
    "pipe",
)
_MORE = frozenset({NtStatus.BUFFER_OVERFLOW})


class ServicePipe:
    """A service that can be called, for use with ``async with``."""

    def __init__(self, tree: TreeConnect, name: str, interface: SyntaxId) -> None:
        self._tree = tree
        self._name = name
        self._interface = interface
        self._call_id = 0
        self._opened: CreateResponse | None = None

    async def __aenter__(self) -> ServicePipe:
        """Open and bind. Raises `StatusError`, and `RemoteProtocolError` for a refusal."""
        opened = await self._tree.request(requests.create(self._name, _ACCESS), self._name)
        self._opened = opened.body
        self._tree.channels.add_open()
        try:
            await self._bind()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        assert self._opened is not None
        await self._tree.close(self._opened.file_id, self._name)

    async def _bind(self) -> None:
        context = PresentationContext(0, self._interface, [NDR])
        self._call_id += 1
        pdu = await self._exchange(Bind(self._call_id, [context]).encode())
        pdu_type = PduHeader.decode(pdu).pdu_type
        if pdu_type == PduType.BIND_NAK:
            reason = BindNak.decode(pdu).reason
            raise RemoteProtocolError(f"{self._name}: the service refuses, reason {reason}")
        if pdu_type != PduType.BIND_ACK:
            raise RemoteProtocolError(f"{self._name}: a PDU of type {pdu_type} in answer to a bind")
        results = BindAck.decode(pdu).results
        if [result.result for result in results] != [BindResult.ACCEPTANCE]:
            raise RemoteProtocolError(f"{self._name}: the service is not known there")

    async def call(self, opnum: int, stub: bytes) -> bytes:
        """The stub of the answer. Raises `StatusError`, `RemoteProtocolError` for a fault."""
        self._call_id += 1
        pdu = await self._exchange(RpcRequest(self._call_id, opnum, stub).encode())
        answer = bytearray()
        while True:
            header = PduHeader.decode(pdu)
            if header.pdu_type == PduType.FAULT:
                status = RpcFault.decode(pdu).status
                raise RemoteProtocolError(f"{self._name}: call {opnum} failed: {status:#010x}")
            if header.pdu_type != PduType.RESPONSE or header.call_id != self._call_id:
                raise RemoteProtocolError(f"{self._name}: no answer to call {opnum}")
            answer += RpcResponse.decode(pdu).stub
            if len(answer) > _MAX_STUB:
                raise RemoteProtocolError(f"{self._name}: an answer of over {_MAX_STUB} bytes")
            if header.flags & PduFlags.LAST_FRAG:
                return bytes(answer)
            pdu = await self._whole(bytearray())

    async def _exchange(self, pdu: bytes) -> bytes:
        """Writes a PDU and reads one."""
        assert self._opened is not None
        body = IoctlRequest(Fsctl.PIPE_TRANSCEIVE, self._opened.file_id, 0, _CHUNK, input=pdu)
        answer: IoctlResponse = await self._ask(body)
        return await self._whole(bytearray(answer.output))

    async def _whole(self, data: bytearray) -> bytes:
        """The PDU that begins with `data`, as far as it was read."""
        assert self._opened is not None
        while (missing := _missing(data)) > 0:
            answer: ReadResponse = await self._ask(requests.read(0, _CHUNK, self._opened.file_id))
            if not len(answer.data):
                raise RemoteProtocolError(f"{self._name}: the service says nothing")
            data += answer.data
        if missing:
            raise RemoteProtocolError(f"{self._name}: the server sent a message that is not a PDU")
        return bytes(data)

    async def _ask(self, body: Message) -> Any:
        response = await self._tree.request(body, self._name, _MORE)
        if isinstance(response.body, ErrorResponse):
            raise RemoteProtocolError(f"{self._name}: there is more, and nothing of it")
        return response.body


async def list_shares(tree: TreeConnect, host: str) -> list[ShareEntry]:
    """See `Session.shares`. `tree` is that of `PIPE_SHARE`, and `host` the server's name."""
    try:
        return await _list(tree, host)
    except DeniedError as error:
        if error.command == "CREATE" and tree.connection.transport.peer.kind == "quic":
            raise NotListedError(error.status, error.command, error.path) from error
        raise


def _missing(data: bytearray) -> int:
    """How many bytes the PDU that begins with `data` lacks; negative for bytes behind it."""
    if len(data) < HEADER_SIZE:
        return HEADER_SIZE - len(data)
    return PduHeader.decode(data).frag_length - len(data)


async def _list(tree: TreeConnect, host: str) -> list[ShareEntry]:
    found: list[ShareEntry] = []
    handle = 0
    async with ServicePipe(tree, "srvsvc", SRVSVC) as pipe:
        while True:
            stub = NetrShareEnumRequest(1, rf"\\{host}", resume_handle=handle).encode()
            answer = NetrShareEnumResponse.decode(await pipe.call(SrvsvcOpnum.NetrShareEnum, stub))
            if answer.status not in (NetStatus.NERR_Success, NetStatus.ERROR_MORE_DATA):
                raise RemoteProtocolError(f"srvsvc: no shares: error {answer.status}")
            found += map(_entry, answer.shares)
            if len(found) > MOST_SHARES:
                raise RemoteProtocolError(f"srvsvc: the server lists over {MOST_SHARES} shares")
            if answer.status == NetStatus.NERR_Success:
                return found
            if not answer.shares or not answer.resume_handle or answer.resume_handle == handle:
                raise RemoteProtocolError("srvsvc: a list of shares without an end")
            handle = answer.resume_handle


def _entry(share: ShareInfo) -> ShareEntry:
    return ShareEntry(
        name=share.netname or "",
        kind=_KINDS[share.type & _KIND_BITS],
        special=bool(share.type & ShareTypes.STYPE_SPECIAL),
        comment=share.remark or "",
    )
