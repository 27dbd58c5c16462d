"""What messages show, and what is no message."""

import random

import pytest

from smbquic.gateway import traffic as module
from smbquic.gateway.logon import LogonUser
from smbquic.gateway.refusals import GatewayRefusal, Refused
from smbquic.gateway.traffic import (
    ConnectionTraffic,
    LogonFailed,
    LogonSucceeded,
    ShareAnswered,
    TrafficCounts,
    first_negotiate,
)
from smbquic.ntstatus import NtStatus
from smbquic.wire.header import Command, Header
from smbquic.wire.negotiate_contexts import TransportCapabilities, TransportCapability
from smbquic.wire.session_setup import SessionFlags
from smbquic.wire.smb1 import encode_multi_protocol_negotiate
from smbquic.wire.tree_connect import ShareCapabilities, ShareFlags, TreeConnectResponse
from tests.unit.gateway.messages import (
    GUID,
    failed,
    logged_on,
    negotiate,
    negotiated,
    refused_logon,
    request,
    response,
    session_setup,
    tree_connect,
)

ALICE = LogonUser("alice", "WG")
ENCRYPTED = memoryview(bytearray(b"\xfdSMB" + bytes(60)))
COMPRESSED = memoryview(bytearray(b"\xfcSMB" + bytes(60)))
CONNECTED = TreeConnectResponse(1, ShareFlags(0), ShareCapabilities(0), 0)


def traffic(*, require_encryption: bool = False, authenticated: bool = True) -> ConnectionTraffic:
    made = ConnectionTraffic(TrafficCounts(), require_encryption=require_encryption)
    if authenticated:
        made.request(session_setup())
        made.response(logged_on())
        assert made.logged_on
    return made


def test_the_first_message_is_a_negotiate() -> None:
    assert first_negotiate(negotiate()).client_guid == GUID


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(negotiate())[:-1],
        bytes(session_setup()),
        bytes(negotiated()),
        bytes(ENCRYPTED),
        encode_multi_protocol_negotiate(["SMB 2.002", "SMB 2.???"]),
    ],
)
def test_what_is_none(message: bytes) -> None:
    with pytest.raises(Refused) as refused:
        first_negotiate(memoryview(message))
    assert refused.value.reason is GatewayRefusal.NOT_NEGOTIATE


def test_a_logon_is_seen_with_its_user() -> None:
    seen = traffic(authenticated=False)
    seen.request(negotiate())
    assert seen.response(negotiated()) == []
    seen.request(session_setup(token=b"", session_id=0))
    more = failed(Command.SESSION_SETUP, NtStatus.MORE_PROCESSING_REQUIRED, 1, 7)
    assert seen.response(more) == []
    assert not seen.logged_on
    seen.request(session_setup(message_id=2))
    assert seen.response(logged_on(2)) == [LogonSucceeded(ALICE, guest=False)]
    assert seen.logged_on
    assert (seen.requests, seen.failed, seen.malformed) == (3, 0, 0)


def test_the_name_may_come_before_the_last_message_of_a_logon() -> None:
    seen = traffic(authenticated=False)
    seen.request(session_setup(message_id=1))
    seen.response(failed(Command.SESSION_SETUP, NtStatus.MORE_PROCESSING_REQUIRED, 1, 7))
    seen.request(session_setup(message_id=2, token=b"\xa1\x02\x30\x00"))
    assert seen.response(logged_on(2)) == [LogonSucceeded(ALICE, guest=False)]


@pytest.mark.parametrize("flags", [SessionFlags.IS_GUEST, SessionFlags.IS_NULL])
def test_a_guest_and_an_unknown_user(flags: SessionFlags) -> None:
    seen = traffic(authenticated=False)
    seen.request(session_setup(token=b"kerberos"))
    assert seen.response(logged_on(flags=flags)) == [LogonSucceeded(None, guest=True)]


def test_a_failed_logon() -> None:
    seen = traffic(authenticated=False)
    seen.request(session_setup())
    assert seen.response(refused_logon()) == [LogonFailed(ALICE, NtStatus.LOGON_FAILURE)]
    assert not seen.logged_on
    assert seen.failed == 1


def test_shares_are_seen_with_the_user() -> None:
    seen = traffic()
    seen.request(tree_connect(r"\\fs\data"))
    assert seen.response(failed(Command.TREE_CONNECT, NtStatus.PENDING, 2, 7)) == []
    assert seen.response(response(Command.TREE_CONNECT, CONNECTED, 2, 7)) == [
        ShareAnswered(r"\\fs\data", ALICE, 0)
    ]
    seen.request(tree_connect(r"\\fs\none", 3))
    denied = failed(Command.TREE_CONNECT, NtStatus.BAD_NETWORK_NAME, 3, 7)
    assert seen.response(denied) == [ShareAnswered(r"\\fs\none", ALICE, NtStatus.BAD_NETWORK_NAME)]


def test_a_compound_is_read_part_by_part() -> None:
    seen = traffic()
    first = Header(Command.CREATE, 5, next_command=72).encode() + bytes(8)
    whole = memoryview(bytearray(first + Header(Command.CLOSE, 6).encode()))
    seen.request(whole)
    assert seen.requests == 3
    assert seen._counts.commands["CREATE"] == seen._counts.commands["CLOSE"] == 1


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (tree_connect("x"), GatewayRefusal.BEFORE_LOGON),
        (request(0x99, b""), GatewayRefusal.BEFORE_LOGON),
        (ENCRYPTED, GatewayRefusal.BEFORE_LOGON),
        (memoryview(b""), GatewayRefusal.BEFORE_LOGON),
        (session_setup()[:70], GatewayRefusal.MALFORMED),
        (memoryview(b"\xfeSMB"), GatewayRefusal.MALFORMED),
        (memoryview(Header(0, next_command=4).encode()), GatewayRefusal.MALFORMED),
        (memoryview(Header(0, next_command=1 << 20).encode()), GatewayRefusal.MALFORMED),
    ],
)
def test_before_a_logon_nothing_else_passes(message: memoryview, reason: GatewayRefusal) -> None:
    with pytest.raises(Refused) as refused:
        traffic(authenticated=False).request(message)
    assert refused.value.reason is reason


@pytest.mark.parametrize("message", [session_setup()[:70], memoryview(b"\xfeSMB")])
def test_after_a_logon_what_cannot_be_read_passes(message: memoryview) -> None:
    seen = traffic()
    seen.request(message)
    assert seen.response(message) == []
    assert seen.malformed >= 1
    seen.request(ENCRYPTED)
    assert seen.response(ENCRYPTED) == []
    assert seen.hidden == 2


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0", bytes(logged_on())[:66], b"\xfeSMB"])
def test_a_back_end_that_answers_a_logon_with_nonsense(answer: bytes) -> None:
    seen = traffic(authenticated=False)
    seen.request(session_setup())
    with pytest.raises(Refused) as refused:
        seen.response(memoryview(answer))
    assert refused.value.reason is GatewayRefusal.MALFORMED_ANSWER


def test_a_success_that_nobody_has_asked_for_is_no_logon() -> None:
    seen = traffic(authenticated=False)
    with pytest.raises(Refused):
        seen.response(logged_on(99))
    assert not seen.logged_on


@pytest.mark.parametrize(
    "message", [tree_connect("x"), request(Command.READ, b""), COMPRESSED, memoryview(b"\xfeSMB")]
)
def test_where_encryption_is_required_plain_messages_are_refused(message: memoryview) -> None:
    with pytest.raises(Refused) as refused:
        traffic(require_encryption=True).request(message)
    assert refused.value.reason is GatewayRefusal.NOT_ENCRYPTED


def test_where_encryption_is_required_logons_and_encrypted_messages_pass() -> None:
    seen = traffic(require_encryption=True)
    for message in (ENCRYPTED, session_setup(), request(Command.ECHO, bytes(4))):
        seen.request(message)


@pytest.mark.parametrize("required", [True, False])
def test_transport_security_is_no_encryption_to_the_back_end(required: bool) -> None:
    seen = traffic(require_encryption=required, authenticated=False)
    seen.request(negotiate())
    flag = TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY
    seen.response(negotiated())
    if required:
        with pytest.raises(Refused) as refused:
            seen.response(negotiated(TransportCapabilities(flag)))
        assert refused.value.reason is GatewayRefusal.NOT_ENCRYPTED
    else:
        assert seen.response(negotiated(TransportCapabilities(flag))) == []


def test_what_is_remembered_is_bounded() -> None:
    seen = traffic()
    for number in range(1000):
        seen.request(session_setup(message_id=number, session_id=number + 1))
        seen.request(tree_connect("x", number))
        seen.response(failed(Command.READ, 0xC0001000 + number))
    assert len(seen._logons) == len(seen._shares) == module.MOST_PENDING
    assert len(seen._users) == module.MOST_SESSIONS
    assert len(seen._counts.failures) == module.MOST_STATUSES + 1
    assert seen._counts.failures["other"] == 1000 - module.MOST_STATUSES


def test_a_compound_has_an_end() -> None:
    part = Header(Command.ECHO, next_command=64).encode()
    with pytest.raises(Refused):
        traffic(authenticated=False).request(memoryview(part * (module.MOST_REQUESTS + 2)))


def test_no_bytes_are_an_error_of_the_gateway() -> None:
    source = random.Random(15)
    samples = [negotiate(), session_setup(), tree_connect(r"\\a\b"), logged_on(), negotiated()]
    for _ in range(3000):
        message = bytearray(source.choice(samples))
        for _ in range(source.randrange(4)):
            message[source.randrange(len(message))] = source.randrange(256)
        view = memoryview(message)[: source.choice((len(message), source.randrange(len(message))))]
        for authenticated in (True, False):
            seen = traffic(authenticated=authenticated)
            for read in (seen.request, seen.response):
                try:
                    read(view)
                except Refused:
                    assert not authenticated
