import pytest
from spnego._ntlm_raw.messages import Authenticate

from smbquic.auth.credentials import Credentials
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.ntlm.initiator import NtlmInitiator
from smbquic.auth.ntlm.messages import (
    AvFlags,
    ChallengeMessage,
    ClientChallenge,
    NegotiateFlags,
    encode_av_pairs,
)
from smbquic.auth.users import UserStore
from smbquic.errors import AuthenticationError


def test_a_challenge_without_a_timestamp_gets_a_mic_as_well() -> None:
    """Who takes the timestamp out on the way must not get rid of the MIC with it."""
    users = UserStore()
    users.add("alice", "secret")
    initiator = NtlmInitiator(Credentials("alice", "secret"), host="fs")
    initiator.step(None)
    flags = NtlmMechanism(users, server_name="fs").make_challenge(NegotiateFlags(~0)).flags
    challenge = ChallengeMessage(flags, bytes(8), "FS", encode_av_pairs([]))
    message = Authenticate.unpack(initiator.step(challenge.encode()))
    assert message.nt_challenge_response is not None
    blob = ClientChallenge.decode(message.nt_challenge_response[16:])
    assert blob.av_flags & AvFlags.MIC_PROVIDED
    assert message.mic not in (None, bytes(16))
    assert initiator.complete
    assert initiator.wants_mech_list_mic


def test_there_is_no_key_before_the_proof() -> None:
    initiator = NtlmInitiator(Credentials("alice", "secret"), host="fs")
    assert not initiator.complete
    initiator.step(None)
    assert not initiator.complete
    assert initiator.session_key == b""
    assert not initiator.wants_mech_list_mic


def test_a_wrong_signature_is_not_verified() -> None:
    initiator = NtlmInitiator(Credentials("alice", "secret"), host="fs")
    assert not initiator.verify_mic(b"list", bytes(16))


def test_a_challenge_that_allows_no_signatures_is_refused_when_one_is_due() -> None:
    initiator = NtlmInitiator(Credentials("alice", "secret"), host="fs")
    initiator.step(None)
    challenge = ChallengeMessage(NegotiateFlags(0), bytes(8), "FS", encode_av_pairs([]))
    initiator.step(challenge.encode())

    with pytest.raises(AuthenticationError, match="cannot sign"):
        initiator.get_mic(b"list")
