from pathlib import Path

import pytest
import spnego
from hypothesis import given
from hypothesis import strategies as st
from spnego import _spnego as tokens

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.credentials import Credentials
from smbquic.auth.identity import Identity
from smbquic.auth.initiator import new_initiator
from smbquic.auth.spnego.acceptor import Acceptor
from smbquic.auth.spnego.initiator import Initiator
from smbquic.auth.users import UserStore
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus

PASSWORD = "Pässword1"


def log_on(initiator: Initiator, acceptor: Acceptor, hint: bytes | None) -> bytes:
    answer = acceptor.step(initiator.step(hint))
    return acceptor.step(initiator.step(answer))


@pytest.mark.parametrize("hint", ["ours", "none", "empty"])
@pytest.mark.parametrize("domain", ["", "WORK"])
def test_logs_on_at_our_acceptor(authenticator: Authenticator, hint: str, domain: str) -> None:
    initiator = new_initiator(Credentials("alice", PASSWORD, domain), host="fs.example.org")
    acceptor = authenticator.new_acceptor()
    first = {"ours": authenticator.hint(), "none": None, "empty": b""}[hint]
    last = log_on(initiator, acceptor, first)
    assert not initiator.complete
    assert initiator.step(last) == b""
    assert initiator.complete
    assert acceptor.identity == Identity("Alice", "WORK")
    assert initiator.session_key == acceptor.session_key
    assert len(initiator.session_key) == 16


def test_a_user_principal_name_goes_as_it_is(
    users: UserStore, authenticator: Authenticator
) -> None:
    users.add("alice@example.org", PASSWORD)
    initiator = new_initiator(Credentials("alice@example.org", PASSWORD), host="fs")
    acceptor = authenticator.new_acceptor()
    log_on(initiator, acceptor, None)
    assert acceptor.identity.user == "alice@example.org"


def test_logs_on_at_pyspnegos_acceptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text(f"WORK:alice:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(accounts))
    server = spnego.server(protocol="negotiate", options=spnego.NegotiateOptions.use_negotiate)
    initiator = new_initiator(Credentials("alice", PASSWORD, "WORK"), host="fs.example.org")
    token = server.step(initiator.step(None))
    last = server.step(initiator.step(token))
    assert initiator.step(last) == b""
    assert initiator.complete
    assert server.complete
    assert initiator.session_key == server.session_key
    assert server.client_principal == "WORK\\alice"


def test_offers_ntlm_only_and_names_the_server(authenticator: Authenticator) -> None:
    initiator = new_initiator(Credentials("alice", PASSWORD), host="fs.example.org")
    first = initiator.step(authenticator.hint())
    assert tokens.unpack_token(first).mech_types == ["1.3.6.1.4.1.311.2.2.10"]
    second = initiator.step(authenticator.new_acceptor().step(first))
    assert "cifs/fs.example.org".encode("utf-16-le") in second


def test_a_server_without_ntlm_is_an_authentication_error() -> None:
    hint = tokens.NegTokenInit(["1.2.840.113554.1.2.2"], hint_name=b"x").pack()
    initiator = new_initiator(Credentials("alice", PASSWORD), host="fs")
    with pytest.raises(AuthenticationError, match="logon token") as caught:
        initiator.step(hint)
    assert caught.value.status is NtStatus.INVALID_PARAMETER


def test_a_rejection_is_an_authentication_error() -> None:
    initiator = new_initiator(Credentials("alice", PASSWORD), host="fs")
    initiator.step(None)
    rejection = tokens.NegTokenResp(tokens.NegState.reject).pack()
    with pytest.raises(AuthenticationError, match="rejection"):
        initiator.step(rejection)


def test_a_wrong_mech_list_mic_is_an_authentication_error(authenticator: Authenticator) -> None:
    initiator = new_initiator(Credentials("alice", PASSWORD), host="fs")
    last = bytearray(log_on(initiator, authenticator.new_acceptor(), None))
    last[-5] ^= 1
    with pytest.raises(AuthenticationError):
        initiator.step(bytes(last))


@given(token=st.binary(max_size=80))
def test_any_server_token_is_answered_or_refused(token: bytes) -> None:
    for start in (b"", b"NTLMSSP\x00\x02\x00\x00\x00", b"\xa1" + bytes((len(token),))):
        initiator = new_initiator(Credentials("alice", PASSWORD), host="fs")
        initiator.step(None)
        try:
            answer = initiator.step(start + token)
        except AuthenticationError:
            continue
        assert isinstance(answer, bytes)


def test_the_repr_shows_no_password() -> None:
    assert PASSWORD not in repr(Credentials("alice", PASSWORD))
