"""Sessions as the server keeps them. [MS-SMB2] 3.3.1.8"""

from typing import Any, cast

import pytest

from smbquic.auth.identity import Identity
from smbquic.crypto.preauth import PreauthHash
from smbquic.protocol.session import ServerSession, SessionTable
from smbquic.protocol.session_state import SessionEvent, SessionState

NOBODY = cast(Any, None)


def test_what_a_session_begins_with() -> None:
    session = ServerSession(7)
    assert (session.acceptor, session.protection, session.negotiated) == (None, None, None)
    assert session.identity == session.owner == Identity("", "", anonymous=True)
    assert (session.application_key, session.client_guid) == (b"", b"")
    assert (session.signing_required, session.encrypt_data, session.encrypts_tree) == (False,) * 3
    assert (session.channels, session.created) == (1, 0.0)
    assert session.preauth.value == PreauthHash().value
    assert session.state is SessionState.IN_PROGRESS


@pytest.mark.parametrize(
    ("events", "valid", "expired"),
    [
        ([], False, False),
        ([SessionEvent.LOGGED_ON], True, False),
        ([SessionEvent.LOGGED_ON, SessionEvent.EXPIRED], True, True),
        ([SessionEvent.LOGGED_ON, SessionEvent.EXPIRED, SessionEvent.LOGGED_ON], True, False),
        ([SessionEvent.LOGGED_ON, SessionEvent.ENDED], False, False),
        ([SessionEvent.ENDED], False, False),
    ],
)
def test_which_sessions_are_valid(events: list[SessionEvent], valid: bool, expired: bool) -> None:
    session = ServerSession(7)
    for event in events:
        session.change(event)
    assert (session.is_valid, session.expired) == (valid, expired)


@pytest.mark.parametrize("state", SessionState)
def test_only_what_is_valid_expires(state: SessionState) -> None:
    session = ServerSession(7, state=state)
    session.expire()
    assert session.state is (SessionState.EXPIRED if state is SessionState.VALID else state)


@pytest.mark.parametrize(
    ("identity", "nobody"),
    [
        (Identity("alice", ""), False),
        (Identity("alice", "", guest=True), True),
        (Identity("", "", anonymous=True), True),
    ],
)
def test_who_has_proved_who_he_is(identity: Identity, nobody: bool) -> None:
    assert ServerSession(7, identity=identity).is_guest_or_anonymous is nobody


def test_an_id_is_nobody_else_s_and_never_0() -> None:
    sizes: list[int] = []
    numbers = [0, 5, 5, 0, 6]

    def random(size: int) -> bytes:
        sizes.append(size)
        return numbers.pop(0).to_bytes(size, "little")

    table, preauth = SessionTable(random), PreauthHash()
    one, two = (table.create(NOBODY, preauth, now) for now in (1.5, 2.5))
    assert (one.id, two.id, numbers, sizes) == (5, 6, [], [4] * 5)
    assert (one.created, two.created, one.preauth) == (1.5, 2.5, preauth)
    assert (table.get(5), table.get(6), table.get(7), len(table)) == (one, two, None, 2)


@pytest.mark.parametrize("ended", [False, True])
def test_what_is_removed_is_closed(ended: bool) -> None:
    table = SessionTable(lambda size: b"\1" * size)
    session = table.create(NOBODY, PreauthHash(), 0.0)
    assert session.id == 0x01010101
    if ended:
        session.change(SessionEvent.ENDED)
    for _ in range(2):
        table.remove(session)
        assert (session.state, len(table)) == (SessionState.CLOSED, 0)
