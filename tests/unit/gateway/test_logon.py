"""The user that a logon shows."""

import pytest

from smbquic.auth.ntlm.messages import NTLMSSP, SIGNATURE
from smbquic.auth.spnego.tokens import NegTokenInit, NegTokenResp
from smbquic.gateway.logon import LogonUser, user_of
from tests.unit.gateway.messages import authenticate_message


@pytest.mark.parametrize(
    "token",
    [
        authenticate_message("alice", "WG"),
        NegTokenInit.of([NTLMSSP], authenticate_message("alice", "WG")).encode(),
        NegTokenResp(response_token=authenticate_message("alice", "WG")).encode(),
    ],
)
def test_ntlm_shows_the_user(token: bytes) -> None:
    assert user_of(token) == LogonUser("alice", "WG")


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"x",
        b"\x60",
        b"\xa1\x02",
        SIGNATURE,
        SIGNATURE + b"\x01\0\0\0" + bytes(64),
        authenticate_message("a\nb", "WG"),
        authenticate_message("alice", "WG")[:70],
        NegTokenInit.of([b"\x2a"], b"kerberos").encode(),
        NegTokenResp().encode(),
    ],
)
def test_what_shows_none(token: bytes) -> None:
    assert user_of(token) is None
