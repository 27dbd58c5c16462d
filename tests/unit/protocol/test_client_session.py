"""Sessions as the client keeps them. [MS-SMB2] 3.2.1.3"""

from typing import Any, cast

import pytest

from smbquic.crypto.preauth import PreauthHash
from smbquic.errors import SecurityError
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.session_state import SessionEvent, SessionState

KEYS = cast(Any, object())


def session_of(**fields: object) -> ClientSession:
    return ClientSession(cast(Any, None), PreauthHash(), **cast(Any, fields))


def test_lost_connections_are_counted_in_16_bits() -> None:
    session = session_of()
    session.count_lost_channel()
    assert session.channel_sequence == 1
    session.channel_sequence = 0xFFFE
    session.count_lost_channel()
    assert session.channel_sequence == 0xFFFF
    session.count_lost_channel()
    assert session.channel_sequence == 0


def test_what_a_session_begins_with() -> None:
    session = session_of()
    assert (session.id, session.previous_session_id, session.channel_sequence) == (0, 0, 0)
    assert (session.signing_required, session.encrypt_data, session.guest) == (False,) * 3
    assert (session.protection, session.binds, session.established) == (None, None, False)
    assert session.state is SessionState.IN_PROGRESS
    session.change(SessionEvent.LOGGED_ON)
    assert session.established
    session.change(SessionEvent.ENDED)
    assert session.established


@pytest.mark.parametrize("established", [False, True])
@pytest.mark.parametrize("encrypts", [False, True])
@pytest.mark.parametrize("demanded", [False, True])
def test_when_a_request_is_encrypted(established: bool, encrypts: bool, demanded: bool) -> None:
    session = session_of(protection=KEYS, encrypt_data=encrypts)
    if established:
        session.change(SessionEvent.LOGGED_ON)
    expected = KEYS if established and (encrypts or demanded) else None
    assert session.encryption(demanded=demanded) is expected


def test_a_guest_cannot_encrypt() -> None:
    session = session_of(guest=True)
    session.change(SessionEvent.LOGGED_ON)
    assert session.encryption(demanded=False) is None
    with pytest.raises(SecurityError, match="a guest's session has no key"):
        session.encryption(demanded=True)
