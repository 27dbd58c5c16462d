"""The initiator of NTLM: its proof, its MIC, and challenges of any servers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spnego._ntlm_raw import messages as other

from smbquic.auth.credentials import Credentials
from smbquic.auth.ntlm import keys
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.ntlm.initiator import NtlmInitiator
from smbquic.auth.ntlm.messages import (
    AuthenticateMessage,
    AvFlags,
    AvId,
    ChallengeMessage,
    ClientChallenge,
    NegotiateFlags,
    NegotiateMessage,
    decode_av_pairs,
    encode_av_pairs,
)
from smbquic.auth.service_binding import channel_bindings_hash
from smbquic.auth.spnego.tokens import NegTokenResp
from smbquic.auth.users import UserStore
from smbquic.errors import AuthenticationError
from tests.unit.auth.conftest import Logon

WINDOWS = NegotiateFlags(0xE2898215)
"""The flags of the challenge of a Windows server."""
TIME = 0x1122334455667788


def new_initiator(user: str = "alice", domain: str = "", **options: Any) -> NtlmInitiator:
    return NtlmInitiator(Credentials(user, "secret", domain), host="fs", **options)


def challenge(flags: NegotiateFlags = WINDOWS, **pairs: bytes) -> bytes:
    """A server's challenge, with AV_PAIRs by their names."""
    info = encode_av_pairs((AvId[name], value) for name, value in pairs.items())
    return ChallengeMessage(flags, b"12345678", "FS", info).encode()


def answer(initiator: NtlmInitiator, token: bytes) -> AuthenticateMessage:
    initiator.step(None)
    return AuthenticateMessage.decode(initiator.step(token))


def proven_pairs(message: AuthenticateMessage) -> dict[int, bytes]:
    return decode_av_pairs(message.nt_challenge_response[16 + ClientChallenge.FIXED.size :])


def test_the_specifications_example() -> None:
    """[MS-NLMP] 4.2.4.3, whose client has no MIC, sends LMv2 and names no server."""
    token = bytes.fromhex(
        "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef"
        "00000000000000002400240044000000060070170000000f5300650072007600"
        "6500720002000c0044006f006d00610069006e0001000c005300650072007600"
        "6500720000000000"
    )
    numbers = {8: b"\xaa" * 8, 16: b"\x55" * 16}
    initiator = NtlmInitiator(
        Credentials("User", "Password", "Domain"),
        host="Server",
        clock=lambda: -11644473600 * 10**9,
        random=lambda count: numbers[count],
    )
    message = answer(initiator, token)
    assert (message.domain_name, message.user_name) == ("Domain", "User")
    assert initiator.session_key == b"\x55" * 16
    temp = message.nt_challenge_response[16:]
    pairs = bytes.fromhex("02000c0044006f006d00610069006e0001000c00530065007200760065007200")
    assert temp.startswith(b"\x01\x01" + bytes(14) + b"\xaa" * 8 + bytes(4) + pairs)
    assert temp.endswith(bytes(8))
    key = bytes.fromhex("0c868a403bfd7a93a3001ef22ef02e3f")
    proof = keys.nt_proof(key, bytes.fromhex("0123456789abcdef"), temp)
    assert message.nt_challenge_response[:16] == proof
    base_key = keys.session_base_key(key, proof)
    encrypted = message.encrypted_random_session_key
    assert keys.exported_session_key(base_key, encrypted) == b"\x55" * 16


def test_answers_the_challenge_of_windows(logon: Logon) -> None:
    """All that the client of Windows proves is proven, in the place where that has it."""
    token = NegTokenResp.decode(logon.challenge).response_token or b""
    credentials = Credentials(logon.user, logon.password, logon.domain)
    initiator = NtlmInitiator(credentials, host="SUT311")
    ours = answer(initiator, token)
    theirs = AuthenticateMessage.decode(
        NegTokenResp.decode(logon.authenticate).response_token or b""
    )
    assert ours.flags == theirs.flags
    assert (ours.user_name, ours.domain_name) == (theirs.user_name, theirs.domain_name)
    assert ours.lm_challenge_response == theirs.lm_challenge_response
    expected = proven_pairs(theirs)
    del expected[8], expected[AvId.CHANNEL_BINDINGS]  # MsvAvSingleHost, and bindings to nothing
    assert proven_pairs(ours) == expected
    assert list(proven_pairs(ours)) == list(expected)


@pytest.mark.parametrize("with_timestamp", [True, False])
def test_there_is_always_a_mic(with_timestamp: bool) -> None:
    """Who takes the timestamp out on the way must not get rid of the MIC with it."""
    users = UserStore()
    users.add("alice", "secret")
    initiator = new_initiator()
    negotiate = initiator.step(None)
    flags = NtlmMechanism(users, server_name="fs").make_challenge(NegotiateFlags(~0)).flags
    token = challenge(flags, **({"TIMESTAMP": bytes(8)} if with_timestamp else {}))
    message = AuthenticateMessage.decode(initiator.step(token))
    blob = ClientChallenge.decode(message.nt_challenge_response[16:])
    assert blob.av_flags & AvFlags.MIC_PROVIDED
    parts = (negotiate, token, message.without_mic)
    assert message.mic == keys.exchange_mic(initiator.session_key, parts)
    assert initiator.complete
    assert initiator.wants_mech_list_mic


def test_the_time_is_the_servers() -> None:
    time = TIME.to_bytes(8, "little")
    message = answer(new_initiator(), challenge(TIMESTAMP=time))
    assert message.nt_challenge_response[24:32] == time
    assert proven_pairs(message)[AvId.TIMESTAMP] == time


def test_without_a_time_of_the_server_it_is_the_clients() -> None:
    message = answer(new_initiator(clock=lambda: 0), challenge())
    theirs = other.NTClientChallengeV2.unpack(message.nt_challenge_response[16:])
    assert theirs.time_stamp == other.FileTime(1970, 1, 1)


def test_flags_of_the_server_are_kept() -> None:
    message = answer(new_initiator(), challenge(FLAGS=b"\x01\x00\x00\x80"))
    assert proven_pairs(message)[AvId.FLAGS] == b"\x03\x00\x00\x80"


def test_names_the_server_and_the_channel() -> None:
    message = answer(new_initiator(end_point=b"tls"), challenge(TARGET_NAME=b"e\0"))
    pairs = proven_pairs(message)
    assert pairs[AvId.TARGET_NAME] == "cifs/fs".encode("utf-16-le")
    assert pairs[AvId.CHANNEL_BINDINGS] == channel_bindings_hash(b"tls")


def test_without_a_channel_there_are_no_bindings() -> None:
    assert AvId.CHANNEL_BINDINGS not in proven_pairs(answer(new_initiator(), challenge()))


@pytest.mark.parametrize(
    ("user", "domain", "sent"),
    [
        ("alice", "", ("", "alice")),
        ("alice", "WORK", ("WORK", "alice")),
        ("WORK\\alice", "", ("WORK", "alice")),
        ("a\\b", "WORK", ("WORK", "a\\b")),
        ("alice@work.example", "", ("", "alice@work.example")),
    ],
)
def test_the_domain_may_be_before_the_user(user: str, domain: str, sent: tuple[str, str]) -> None:
    message = answer(new_initiator(user, domain), challenge())
    assert (message.domain_name, message.user_name) == sent


def test_others_read_its_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "desk")
    initiator = new_initiator(domain="WORK")
    first = other.Negotiate.unpack(initiator.step(None))
    assert NegotiateFlags(first.flags) == NegotiateFlags(0xE2088235)
    assert (first.domain_name, first.workstation) == (None, None)
    assert first.version is not None
    assert first.version.revision == 15
    second = other.Authenticate.unpack(initiator.step(challenge()))
    assert (second.domain_name, second.user_name, second.workstation) == ("WORK", "alice", "DESK")
    assert second.lm_challenge_response == bytes(24)
    assert len(second.encrypted_random_session_key or b"") == 16
    assert second.version == first.version


def test_only_flags_that_were_offered_are_negotiated() -> None:
    message = answer(new_initiator(), challenge(NegotiateFlags(0xFFFFFFFF)))
    assert (
        message.flags
        == NegotiateMessage.decode(new_initiator().step(None)).flags | NegotiateFlags.TARGET_INFO
    )


@pytest.mark.parametrize(
    ("missing", "exchanged"),
    [
        (NegotiateFlags(0), True),
        (NegotiateFlags.SIGN, True),
        (NegotiateFlags.SEAL, True),
        (NegotiateFlags.SIGN | NegotiateFlags.SEAL, False),
        (NegotiateFlags.KEY_EXCH, False),
    ],
)
def test_a_key_is_exchanged_where_the_server_signs_or_seals(
    missing: NegotiateFlags, exchanged: bool
) -> None:
    initiator = new_initiator()
    message = answer(initiator, challenge((WINDOWS | NegotiateFlags.SEAL) & ~missing))
    key = keys.response_key(keys.nt_hash("secret"), "alice", "")
    base_key = keys.session_base_key(key, message.nt_challenge_response[:16])
    assert bool(message.flags & NegotiateFlags.KEY_EXCH) is exchanged
    assert len(message.encrypted_random_session_key) == (16 if exchanged else 0)
    assert (initiator.session_key != base_key) is exchanged


def test_a_server_without_target_info() -> None:
    token = ChallengeMessage(WINDOWS & ~NegotiateFlags.TARGET_INFO, bytes(8), "FS", b"").encode()
    pairs = proven_pairs(answer(new_initiator(), token))
    assert list(pairs) == [AvId.FLAGS, AvId.TARGET_NAME]


def test_there_is_no_key_before_the_proof() -> None:
    initiator = new_initiator()
    assert not initiator.complete
    initiator.step(None)
    assert not initiator.complete
    assert initiator.session_key == b""
    assert not initiator.wants_mech_list_mic


def test_signs_once_in_each_direction() -> None:
    initiator = new_initiator()
    flags = answer(initiator, challenge()).flags
    key = initiator.session_key
    ours = keys.first_signature(flags, key, b"list", from_server=False)
    theirs = keys.first_signature(flags, key, b"list", from_server=True)
    assert initiator.get_mic(b"list") == ours
    assert initiator.verify_mic(b"list", theirs)
    assert not initiator.verify_mic(b"list", ours)
    assert not initiator.verify_mic(b"other", theirs)


@pytest.mark.parametrize("mic", [bytes(16), b"\x01" + bytes(15)])
def test_nothing_is_verified_before_the_proof(mic: bytes) -> None:
    assert not new_initiator().verify_mic(b"list", mic)


@pytest.mark.parametrize(
    "missing",
    [
        NegotiateFlags.UNICODE,
        NegotiateFlags.EXTENDED_SESSIONSECURITY,
        NegotiateFlags.KEY_128,
        NegotiateFlags(0xFFFFFFFF),
    ],
)
def test_a_weak_server_is_refused(missing: NegotiateFlags) -> None:
    initiator = new_initiator()
    initiator.step(None)
    with pytest.raises(AuthenticationError, match="128 bits"):
        initiator.step(challenge(WINDOWS & ~missing))
    assert not initiator.complete


@given(token=st.binary(max_size=120), pairs=st.binary(max_size=40))
def test_any_challenge_is_answered_or_refused(token: bytes, pairs: bytes) -> None:
    well_formed = ChallengeMessage(WINDOWS, bytes(8), "FS", pairs).encode()
    for each in (token, b"NTLMSSP\x00\x02\x00\x00\x00" + token, well_formed):
        initiator = new_initiator()
        initiator.step(None)
        try:
            initiator.step(each)
        except AuthenticationError:
            assert not initiator.complete
            continue
        assert initiator.complete


def test_a_challenge_as_long_as_it_may_be_is_answered() -> None:
    longest = (1 << 15) - len(challenge(DNS_DOMAIN_NAME=b""))
    message = answer(new_initiator(), challenge(DNS_DOMAIN_NAME=bytes(longest)))
    assert len(proven_pairs(message)[AvId.DNS_DOMAIN_NAME]) == longest
    with pytest.raises(AuthenticationError, match="too long"):
        answer(new_initiator(), challenge(DNS_DOMAIN_NAME=bytes(longest + 1)))
