"""Tokens of clients, and logons with them at an acceptor."""

from typing import Any

import pytest
import spnego
from spnego._ntlm_raw.messages import Authenticate, Negotiate

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.identity import Identity
from smbquic.auth.ntlm import keys
from smbquic.auth.ntlm.messages import NegotiateFlags, encode_av_pairs
from smbquic.auth.spnego.acceptor import Acceptor
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus

PASSWORD = "Pässword1"
ALICE = Identity("Alice", "WORK")
NTLMSSP = "1.3.6.1.4.1.311.2.2.10"
KERBEROS = "1.2.840.113554.1.2.2"
FLAGS = (
    NegotiateFlags.UNICODE
    | NegotiateFlags.NTLM
    | NegotiateFlags.SIGN
    | NegotiateFlags.EXTENDED_SESSIONSECURITY
    | NegotiateFlags.VERSION
    | NegotiateFlags.KEY_128
    | NegotiateFlags.KEY_EXCH
)


def ntlm_client(user: str = "alice", password: str = PASSWORD) -> Any:
    """An independent initiator that speaks bare NTLM."""
    return spnego.client(
        f"ELSEWHERE\\{user}",
        password,
        hostname="fs.example.org",
        service="cifs",
        protocol="ntlm",
        options=spnego.NegotiateOptions.use_ntlm,
    )


def negotiate_client(user: str = "alice", password: str = PASSWORD) -> Any:
    """An independent initiator that speaks NTLM within SPNEGO."""
    return spnego.client(
        f"ELSEWHERE\\{user}",
        password,
        hostname="fs.example.org",
        service="cifs",
        protocol="negotiate",
        options=spnego.NegotiateOptions.use_negotiate,
    )


def log_on(client: Any, acceptor: Acceptor, hint: bytes | None = None) -> bytes:
    """Exchange tokens until the acceptor is done; returns its last one."""
    token = acceptor.step(client.step(hint))
    while not acceptor.complete:
        token = acceptor.step(client.step(token))
    return token


def refused(acceptor: Acceptor, token: bytes, status: NtStatus, reason: str) -> None:
    with pytest.raises(AuthenticationError, match=reason) as caught:
        acceptor.step(token)
    assert caught.value.status is status
    assert not acceptor.complete
    assert acceptor.session_key == b""
    with pytest.raises(AuthenticationError, match="over"):
        acceptor.step(token)


def authenticate_message(challenge: bytes, **changes: Any) -> bytes:
    """An AUTHENTICATE message for Alice by our own means, without MIC, but for the changes."""
    flags = changes.pop("flags", FLAGS)
    user = changes.pop("username", "alice")
    domain = changes.pop("hashed_domain", "WORK")
    key = keys.response_key(keys.nt_hash(PASSWORD), user, domain)
    blob = b"\x01\x01" + bytes(26) + encode_av_pairs([]) + bytes(4)
    proof = keys.nt_proof(key, challenge[24:32], changes.pop("blob", blob))
    fields: dict[str, Any] = {
        "nt_challenge_response": proof + blob,
        "domain_name": "WORK",
        "username": user,
        "encrypted_session_key": bytes(16),
    }
    return Authenticate(int(flags), **(fields | changes)).pack()


def challenged(
    authenticator: Authenticator, flags: NegotiateFlags = FLAGS
) -> tuple[Acceptor, bytes]:
    """An acceptor that has sent a bare NTLM challenge."""
    acceptor = authenticator.new_acceptor()
    return acceptor, acceptor.step(Negotiate(int(flags)).pack())
