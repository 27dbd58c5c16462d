"""Messages of clients and back ends, for what the gateway reads of them."""

from struct import pack, pack_into

from smbquic.auth.ntlm.messages import SIGNATURE
from smbquic.auth.spnego.tokens import NegTokenResp
from smbquic.ntstatus import NtStatus
from smbquic.wire.error import ErrorResponse
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.message import Message
from smbquic.wire.negotiate import (
    Dialect,
    GlobalCapabilities,
    NegotiateRequest,
    NegotiateResponse,
    SecurityMode,
)
from smbquic.wire.negotiate_contexts import (
    HashAlgorithm,
    NegotiateContext,
    PreauthIntegrityCapabilities,
)
from smbquic.wire.session_setup import (
    SessionFlags,
    SessionSetupFlags,
    SessionSetupRequest,
    SessionSetupResponse,
)
from smbquic.wire.tree_connect import TreeConnectRequest

GUID = bytes(range(16))
_PREAUTH = PreauthIntegrityCapabilities([HashAlgorithm.SHA_512], bytes(32))


def authenticate_message(user: str, domain: str) -> bytes:
    """An NTLM AUTHENTICATE_MESSAGE. [MS-NLMP] 2.2.1.3"""
    names = [each.encode("utf-16-le") for each in (domain, user)]
    start, fields, payload = 88, b"", b""
    for each in names:
        fields += pack("<HHI", len(each), len(each), start + len(payload))
        payload += each
    empty = pack("<HHI", 0, 0, start)
    fixed = SIGNATURE + pack("<I", 3) + empty * 2 + fields + empty * 2 + pack("<I", 1)
    return fixed.ljust(start, b"\0") + payload


def request(command: int, body: bytes, message_id: int = 0, session_id: int = 0) -> memoryview:
    header = Header(command, message_id, session_id=session_id)
    return memoryview(bytearray(header.encode() + body))


def response(
    command: int, body: Message, message_id: int = 0, session_id: int = 0, status: int = 0
) -> memoryview:
    header = Header(
        command,
        message_id,
        status=status,
        session_id=session_id,
        flags=HeaderFlags.SERVER_TO_REDIR,
    )
    return memoryview(bytearray(header.encode() + body.encode()))


def failed(command: int, status: int, message_id: int = 0, session_id: int = 0) -> memoryview:
    return response(command, ErrorResponse(), message_id, session_id, status)


def negotiate(guid: bytes = GUID) -> memoryview:
    body = NegotiateRequest(
        dialects=[Dialect.SMB_3_1_1],
        security_mode=SecurityMode.SIGNING_ENABLED,
        capabilities=GlobalCapabilities(0),
        client_guid=guid,
        contexts=[_PREAUTH],
    )
    return request(Command.NEGOTIATE, body.encode())


def negotiated(*contexts: NegotiateContext) -> memoryview:
    body = NegotiateResponse(
        security_mode=SecurityMode.SIGNING_ENABLED,
        dialect_revision=Dialect.SMB_3_1_1,
        server_guid=bytes(16),
        capabilities=GlobalCapabilities(0),
        max_transact_size=1 << 20,
        max_read_size=1 << 20,
        max_write_size=1 << 20,
        system_time=0,
        contexts=[_PREAUTH, *contexts],
    )
    return response(Command.NEGOTIATE, body)


def session_setup(
    user: str = "alice", message_id: int = 1, session_id: int = 7, token: bytes | None = None
) -> memoryview:
    if token is None:
        token = NegTokenResp(response_token=authenticate_message(user, "WG")).encode()
    body = SessionSetupRequest(
        flags=SessionSetupFlags(0),
        security_mode=SecurityMode.SIGNING_ENABLED,
        capabilities=GlobalCapabilities(0),
        security_buffer=token,
    )
    return request(Command.SESSION_SETUP, body.encode(), message_id, session_id)


def logged_on(
    message_id: int = 1, session_id: int = 7, flags: SessionFlags | None = None
) -> memoryview:
    body = SessionSetupResponse(session_flags=flags or SessionFlags(0))
    return response(Command.SESSION_SETUP, body, message_id, session_id)


def refused_logon(message_id: int = 1, session_id: int = 7) -> memoryview:
    return failed(Command.SESSION_SETUP, NtStatus.LOGON_FAILURE, message_id, session_id)


def tree_connect(path: str, message_id: int = 2, session_id: int = 7) -> memoryview:
    body = TreeConnectRequest(path=path)
    return request(Command.TREE_CONNECT, body.encode(), message_id, session_id)


def compound(*messages: memoryview) -> memoryview:
    """One message of several. [MS-SMB2] 2.2.1.2, NextCommand"""
    whole = bytearray()
    for each in messages[:-1]:
        part = bytearray(each) + bytes(-len(each) % 8)
        pack_into("<I", part, 20, len(part))
        whole += part
    return memoryview(whole + messages[-1])
