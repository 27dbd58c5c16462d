"""Logons that an acceptor refuses."""

import struct
from collections.abc import Callable
from typing import Any

import pytest
from spnego import _spnego as tokens
from spnego._ntlm_raw.messages import Authenticate, Negotiate

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.ntlm import keys
from smbquic.auth.ntlm.messages import NegotiateFlags
from smbquic.ntstatus import NtStatus
from tests.unit.auth.ntlm.logons import (
    ALICE,
    FLAGS,
    KERBEROS,
    NTLMSSP,
    PASSWORD,
    authenticate_message,
    challenged,
    negotiate_client,
    ntlm_client,
    refused,
)


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody", PASSWORD)])
@pytest.mark.parametrize("make_client", [ntlm_client, negotiate_client])
def test_wrong_names_and_passwords(
    authenticator: Authenticator, user: str, password: str, make_client: Callable[..., Any]
) -> None:
    client, acceptor = make_client(user, password), authenticator.new_acceptor()
    token = client.step(acceptor.step(client.step()))
    refused(acceptor, token, NtStatus.LOGON_FAILURE, f"{user}: wrong name or password")


@pytest.mark.parametrize("level", ["0", "2"])
def test_ntlmv1_is_refused(
    authenticator: Authenticator, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LM_COMPAT_LEVEL", level)
    client, acceptor = ntlm_client(), authenticator.new_acceptor()
    first = Negotiate.unpack(client.step())
    first.flags |= int(NegotiateFlags.EXTENDED_SESSIONSECURITY)
    token = client.step(acceptor.step(first.pack()))
    refused(acceptor, token, NtStatus.LOGON_FAILURE, "only NTLMv2")


def test_lmv2_alone_is_refused(authenticator: Authenticator) -> None:
    acceptor, challenge = challenged(authenticator)
    message = authenticate_message(
        challenge, nt_challenge_response=b"", lm_challenge_response=b"l" * 24
    )
    refused(acceptor, message, NtStatus.LOGON_FAILURE, "only NTLMv2")


def test_nobody_is_refused(authenticator: Authenticator) -> None:
    acceptor, challenge = challenged(authenticator)
    message = Authenticate(int(FLAGS), b"\x00", b"", "", "").pack()
    refused(acceptor, message, NtStatus.LOGON_FAILURE, "gives no user name")
    assert challenge


@pytest.mark.parametrize(
    "missing",
    [
        NegotiateFlags.UNICODE,
        NegotiateFlags.EXTENDED_SESSIONSECURITY,
        NegotiateFlags.KEY_128,
    ],
)
def test_weak_clients_are_refused(authenticator: Authenticator, missing: NegotiateFlags) -> None:
    weak = FLAGS & ~missing
    refused(
        authenticator.new_acceptor(),
        Negotiate(int(weak)).pack(),
        NtStatus.LOGON_FAILURE,
        "128 bits",
    )
    acceptor, challenge = challenged(authenticator)
    message = Authenticate.unpack(authenticate_message(challenge))
    message.flags = int(weak)
    refused(acceptor, message.pack(), NtStatus.LOGON_FAILURE, "128 bits")


def test_no_common_mechanism(authenticator: Authenticator) -> None:
    token = tokens.NegTokenInit([KERBEROS], mech_token=b"a Kerberos token").pack()
    refused(authenticator.new_acceptor(), token, NtStatus.LOGON_FAILURE, "no NTLM")


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_key_exchange_without_a_key(authenticator: Authenticator, size: int) -> None:
    acceptor, challenge = challenged(authenticator)
    message = Authenticate.unpack(
        authenticate_message(challenge, encrypted_session_key=bytes(size))
    )
    message.flags |= int(NegotiateFlags.KEY_EXCH)
    refused(acceptor, message.pack(), NtStatus.INVALID_PARAMETER, "sent no key")


def test_a_proof_over_something_that_is_no_client_challenge(authenticator: Authenticator) -> None:
    acceptor, challenge = challenged(authenticator)
    key = keys.response_key(keys.nt_hash(PASSWORD), "alice", "WORK")
    blob = b"\x02" * 40
    response = keys.nt_proof(key, challenge[24:32], blob) + blob
    message = authenticate_message(challenge, nt_challenge_response=response)
    refused(acceptor, message, NtStatus.INVALID_PARAMETER, "malformed")


@pytest.mark.parametrize("user", ["alice", "nobody"])
def test_what_is_malformed_is_so_whatever_the_password(
    authenticator: Authenticator, user: str
) -> None:
    acceptor, challenge = challenged(authenticator)
    message = authenticate_message(
        challenge, username=user, nt_challenge_response=bytes(16) + b"\x02" * 40
    )
    refused(acceptor, message, NtStatus.INVALID_PARAMETER, "malformed")


@pytest.mark.parametrize("change", ["flip", "zero", "cut"])
def test_a_mic_that_is_not_right(authenticator: Authenticator, change: str) -> None:
    client, acceptor = ntlm_client(), authenticator.new_acceptor()
    token = bytearray(client.step(acceptor.step(client.step())))
    if change == "flip":
        token[72] ^= 1
    elif change == "zero":
        token[72:88] = bytes(16)
    else:  # what makes the MIC's place a part of the first field
        start = struct.Struct("<I")
        for at in range(16, 60, 8):
            start.pack_into(token, at, start.unpack_from(token, at)[0] - 16)
        del token[72:88]
    refused(acceptor, bytes(token), NtStatus.LOGON_FAILURE, "changed on their way")


def test_a_negotiate_message_changed_on_its_way(authenticator: Authenticator) -> None:
    client, acceptor = ntlm_client(), authenticator.new_acceptor()
    first = bytearray(client.step())
    first[12] &= ~int(NegotiateFlags.SEAL)
    token = client.step(acceptor.step(bytes(first)))
    refused(acceptor, token, NtStatus.LOGON_FAILURE, "changed on their way")


def test_a_mech_list_mic_that_is_not_right(authenticator: Authenticator) -> None:
    client, acceptor = negotiate_client(), authenticator.new_acceptor()
    token = bytearray(client.step(acceptor.step(client.step())))
    token[-5] ^= 1  # the last four bytes are the sequence number
    refused(acceptor, bytes(token), NtStatus.LOGON_FAILURE, "list of mechanisms was changed")


def test_a_mech_list_changed_on_its_way(authenticator: Authenticator) -> None:
    client, acceptor = negotiate_client(), authenticator.new_acceptor()
    first = tokens.unpack_token(client.step())
    first.mech_types.append(KERBEROS)
    token = client.step(acceptor.step(first.pack()))
    refused(acceptor, token, NtStatus.LOGON_FAILURE, "list of mechanisms was changed")


@pytest.mark.parametrize("repeat", [False, True])
def test_a_missing_mech_list_mic(authenticator: Authenticator, repeat: bool) -> None:
    """It must be there when NTLM was not the client's first choice. A repeated token is none."""
    for mech_list, needed in (([NTLMSSP], False), ([KERBEROS, NTLMSSP], True)):
        client, acceptor = ntlm_client(), authenticator.new_acceptor()
        acceptor.step(tokens.NegTokenInit(mech_list).pack())
        answer = acceptor.step(tokens.NegTokenResp(response_token=client.step()).pack())
        authenticate = client.step(tokens.unpack_token(answer).response_token)
        mic = authenticate if repeat else None
        token = tokens.NegTokenResp(None, None, authenticate, mic).pack()
        if needed:
            refused(acceptor, token, NtStatus.LOGON_FAILURE, "did not protect")
        else:
            assert tokens.unpack_token(acceptor.step(token)).mech_list_mic is None
            assert acceptor.identity == ALICE
