"""Guests and anonymous users at an acceptor."""

from collections.abc import Callable
from typing import Any

import pytest
from spnego._ntlm_raw.messages import Authenticate

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.identity import Identity
from smbquic.auth.logon_limiter import LogonLimiter
from smbquic.auth.ntlm import keys
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.users import UserStore
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from tests.unit.auth.ntlm.logons import (
    FLAGS,
    challenged,
    log_on,
    negotiate_client,
    ntlm_client,
    refused,
)


@pytest.fixture
def open_house(users: UserStore) -> Authenticator:
    return Authenticator([NtlmMechanism(users, server_name="fs", guest=True)])


@pytest.mark.parametrize("make_client", [ntlm_client, negotiate_client])
def test_an_unknown_name_is_a_guest(
    open_house: Authenticator, make_client: Callable[..., Any]
) -> None:
    client, acceptor = make_client("carl", "whatever"), open_house.new_acceptor()
    log_on(client, acceptor)
    assert acceptor.identity == Identity("carl", "ELSEWHERE", guest=True)
    assert acceptor.session_key == b""


def test_pyspnego_accepts_being_a_guest(open_house: Authenticator) -> None:
    client, acceptor = negotiate_client("carl", "whatever"), open_house.new_acceptor()
    assert client.step(log_on(client, acceptor)) is None
    assert client.complete


def test_a_wrong_password_does_not_make_a_guest(open_house: Authenticator) -> None:
    client, acceptor = ntlm_client("alice", "wrong"), open_house.new_acceptor()
    token = client.step(acceptor.step(client.step()))
    refused(acceptor, token, NtStatus.LOGON_FAILURE, "wrong name or password")


@pytest.mark.parametrize("lm_response", [b"", b"\x00"])
def test_nobody_is_let_in_as_nobody(open_house: Authenticator, lm_response: bytes) -> None:
    acceptor, _ = challenged(open_house)
    acceptor.step(Authenticate(int(FLAGS), lm_response, b"", "", "").pack())
    assert acceptor.identity == Identity("", "", anonymous=True)
    assert acceptor.session_key == bytes(16)


def test_nobody_is_watched_too(open_house: Authenticator) -> None:
    def check(user: str) -> None:
        raise AuthenticationError(f"not {user!r}", NtStatus.ACCESS_DENIED)

    watched = open_house.for_connection(LogonLimiter().for_connection("192.0.2.1", b"one", check))
    acceptor, _ = challenged(watched)
    message = Authenticate(int(FLAGS), b"", b"", "", "").pack()
    refused(acceptor, message, NtStatus.ACCESS_DENIED, "not ''")


def test_nobody_may_choose_a_key_that_everybody_knows(open_house: Authenticator) -> None:
    acceptor, _ = challenged(open_house)
    chosen = bytes(range(16))
    sent = keys.exported_session_key(bytes(16), chosen)  # RC4 is its own inverse
    acceptor.step(Authenticate(int(FLAGS), b"", b"", "", "", encrypted_session_key=sent).pack())
    assert acceptor.session_key == chosen


def test_an_account_stays_itself_in_an_open_house(open_house: Authenticator) -> None:
    client, acceptor = negotiate_client(), open_house.new_acceptor()
    log_on(client, acceptor)
    assert acceptor.identity == Identity("Alice", "FS")
    assert acceptor.session_key == client.session_key
