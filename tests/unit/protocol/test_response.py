"""Which responses a request takes. [MS-SMB2] 3.2.5.1.1.1, 3.2.5.1.3"""

from typing import Any, cast

import pytest

from smbquic.crypto.preauth import PreauthHash
from smbquic.errors import RemoteProtocolError, SecurityError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.response import OutstandingRequest, Response
from smbquic.protocol.session_state import SessionEvent
from smbquic.wire.header import Command, Header, HeaderFlags

RAW = memoryview(b"raw")


class Keys:
    """Keys with which a signature is right, or is not."""

    def __init__(self, *, right: bool = True) -> None:
        self.right = right
        self.seen: list[tuple[memoryview, Header]] = []

    def verify(self, raw: memoryview, header: Header) -> bool:
        self.seen.append((raw, header))
        return self.right


def session_of(keys: Keys | None, *, established: bool = True, **fields: Any) -> ClientSession:
    session = ClientSession(cast(Any, None), PreauthHash(), protection=cast(Any, keys), **fields)
    if established:
        session.change(SessionEvent.LOGGED_ON)
    return session


def verify(
    session: ClientSession | None,
    *,
    keys: Keys | None = None,
    encrypted_with: Keys | None = None,
    signed: bool = False,
    pending: bool = False,
    status: int = 0,
    command: Command = Command.ECHO,
    answer: int = Command.ECHO,
) -> None:
    flags = HeaderFlags.SIGNED if signed else HeaderFlags(0)
    header = Header(answer, status=status, flags=flags)
    OutstandingRequest(command, session, 0, encrypt=False).verify(
        header, RAW, cast(Any, encrypted_with), cast(Any, keys), pending=pending
    )


def test_an_answer_is_to_the_command() -> None:
    with pytest.raises(RemoteProtocolError, match="CLOSE in answer to ECHO"):
        verify(None, answer=Command.CLOSE)
    with pytest.raises(RemoteProtocolError, match="0x99 in answer to ECHO"):
        verify(None, answer=0x99)
    verify(None)


def test_a_signature_is_verified_wherever_there_is_one() -> None:
    for required in (False, True):
        keys = Keys()
        session = session_of(keys, signing_required=required)
        verify(session, keys=keys, signed=True)
        ((raw, header),) = keys.seen
        assert raw is RAW
        assert header.is_signed
        with pytest.raises(SecurityError, match="the signature of a ECHO response is wrong"):
            verify(session, keys=Keys(right=False), signed=True)


def test_a_signature_is_missed_where_it_is_required() -> None:
    verify(session_of(Keys()), keys=Keys())
    with pytest.raises(SecurityError, match="an unsigned ECHO response"):
        verify(session_of(Keys(), signing_required=True), keys=Keys())


@pytest.mark.parametrize("signed", [False, True])
def test_who_has_no_keys_yet_or_no_more_signs_nothing(signed: bool) -> None:
    wrong = Keys(right=False)
    session = session_of(wrong, signing_required=True)
    verify(session, keys=wrong, signed=signed, pending=True)
    verify(session, keys=wrong, signed=signed, status=NtStatus.USER_SESSION_DELETED)
    verify(session, keys=None, signed=signed)
    verify(session_of(None, established=False, signing_required=True), keys=wrong, signed=signed)
    verify(None, keys=wrong, signed=signed)
    assert wrong.seen == []


def test_what_is_encrypted_is_for_the_session_of_the_request() -> None:
    keys = Keys(right=False)
    verify(session_of(keys, encrypt_data=True), keys=keys, encrypted_with=keys)
    for session in (None, session_of(Keys()), session_of(None)):
        with pytest.raises(SecurityError, match="encrypted for another session"):
            verify(session, keys=keys, encrypted_with=keys)


def test_what_is_to_be_encrypted_is() -> None:
    keys = Keys()
    session = session_of(keys, encrypt_data=True)
    with pytest.raises(SecurityError, match="an unencrypted response"):
        verify(session, keys=keys, signed=True)
    # A repeated logon is not. [MS-SMB2] 3.2.5.3
    setup = Command.SESSION_SETUP
    verify(session, keys=keys, signed=True, command=setup, answer=setup)


def test_what_a_response_and_a_request_begin_with() -> None:
    response = Response(1, Header(Command.ECHO), NtStatus.SUCCESS, None, RAW)
    assert not response.pending
    assert OutstandingRequest(Command.ECHO, None, 0, encrypt=False).async_id == 0
