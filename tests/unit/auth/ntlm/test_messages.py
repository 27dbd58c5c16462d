from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from impacket import ntlm  # type: ignore[import-untyped]
from spnego._ntlm_raw import messages as other

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
    encode_client_challenge,
)
from smbquic.auth.spnego.tokens import NegTokenInit, NegTokenResp
from smbquic.errors import WireError
from smbquic.wire.flags import Flags
from tests.unit.auth.conftest import Logon

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=20)
VALUES = st.binary(max_size=40)


def authenticate(logon: Logon) -> bytes:
    token = NegTokenResp.decode(logon.authenticate).response_token
    assert token is not None
    return token


def test_reads_windows_negotiate_message(logon: Logon) -> None:
    message = NegotiateMessage.decode(NegTokenInit.decode(logon.init).mech_token or b"")
    assert message.flags == 0xE2088297
    assert NegotiateFlags.EXTENDED_SESSIONSECURITY in message.flags


def test_reads_windows_authenticate_message(logon: Logon) -> None:
    raw = authenticate(logon)
    message = AuthenticateMessage.decode(memoryview(raw))
    assert (message.domain_name, message.user_name) == (logon.domain, logon.user)
    assert message.lm_challenge_response == bytes(24)
    assert message.nt_challenge_response[:16] == logon.nt_proof
    assert message.encrypted_random_session_key.hex() == "3b9bdff38f5ee8f9663f11a0f4c03a78"
    assert message.flags == 0xE2888215
    assert message.mic.hex() == "ecac77a5f385a8bf9c38c706eeeddcd3"
    assert message.raw == raw
    assert message.without_mic == raw.replace(message.mic, bytes(16))
    challenge = ClientChallenge.decode(message.nt_challenge_response[16:])
    assert challenge.av_flags == AvFlags.MIC_PROVIDED


@given(
    flags=st.integers(0, 2**32 - 1),
    challenge=st.binary(min_size=8, max_size=8),
    name=NAMES,
    pairs=st.lists(st.tuples(st.sampled_from([AvId.NB_DOMAIN_NAME, AvId.NB_COMPUTER_NAME]), NAMES)),
)
def test_others_read_our_challenge(
    flags: int, challenge: bytes, name: str, pairs: list[tuple[AvId, str]]
) -> None:
    wanted = NegotiateFlags(flags) | NegotiateFlags.UNICODE | NegotiateFlags.TARGET_INFO
    info = encode_av_pairs((av_id, text.encode("utf-16-le")) for av_id, text in pairs)
    encoded = ChallengeMessage(wanted, challenge, name, info).encode()

    theirs = other.Challenge.unpack(encoded)
    assert theirs.flags == wanted
    assert theirs.server_challenge == challenge
    assert (theirs.target_name or "") == name
    expected = {other.AvId(av_id): text for av_id, text in pairs}
    assert theirs.target_info == {**expected, other.AvId.eol: b""}
    impackets = ntlm.NTLMAuthChallenge(encoded)
    assert impackets["challenge"] == challenge
    assert impackets["TargetInfoFields"] == info


@pytest.mark.parametrize(
    ("flags", "version"),
    [(NegotiateFlags.VERSION, bytes((6, 1, 0, 0, 0, 0, 0, 15))), (NegotiateFlags(0), bytes(8))],
)
def test_the_version_is_there_when_asked_for(flags: NegotiateFlags, version: bytes) -> None:
    assert ChallengeMessage(flags, bytes(8), "", b"").encode()[48:] == version


@given(
    flags=st.integers(0, 2**32 - 1),
    challenge=st.binary(min_size=8, max_size=8),
    name=NAMES,
    computer=NAMES,
    version=st.booleans(),
)
def test_reads_the_challenges_of_others(
    flags: int, challenge: bytes, name: str, computer: str, version: bool
) -> None:
    wanted = NegotiateFlags(flags) | NegotiateFlags.UNICODE
    packed = other.Challenge(
        flags=int(wanted),
        server_challenge=challenge,
        target_name=name,
        target_info=other.TargetInfo({other.AvId.nb_computer_name: computer}),
        version=other.Version(10) if version else None,
    ).pack()
    message = ChallengeMessage.decode(packed)
    assert message.server_challenge == challenge
    assert message.target_name == name
    assert decode_av_pairs(message.target_info) == {
        AvId.NB_COMPUTER_NAME: computer.encode("utf-16-le")
    }
    assert message.flags & wanted == wanted


def test_reads_windows_challenge(logon: Logon) -> None:
    message = ChallengeMessage.decode(NegTokenResp.decode(logon.challenge).response_token or b"")
    assert message.flags == 0xE28A8215
    assert message.server_challenge == logon.server_challenge
    assert message.target_name == logon.domain
    assert AvId.TIMESTAMP in decode_av_pairs(message.target_info)


@given(
    domain=NAMES, user=NAMES, workstation=NAMES, lm_response=VALUES, nt_response=VALUES, key=VALUES
)
def test_others_read_our_proof(
    domain: str, user: str, workstation: str, lm_response: bytes, nt_response: bytes, key: bytes
) -> None:
    flags = NegotiateFlags.UNICODE | NegotiateFlags.VERSION
    message = AuthenticateMessage(
        flags, domain, user, lm_response, nt_response, key, workstation=workstation
    )
    encoded = message.encode()
    theirs = other.Authenticate.unpack(AuthenticateMessage.with_mic(encoded, b"m" * 16))
    assert theirs.flags == flags
    assert (theirs.domain_name or "", theirs.user_name or "") == (domain, user)
    assert (theirs.workstation or "") == workstation
    assert (theirs.lm_challenge_response or b"") == lm_response
    assert (theirs.nt_challenge_response or b"") == nt_response
    assert (theirs.encrypted_random_session_key or b"") == key
    assert theirs.version == bytes((6, 1, 0, 0, 0, 0, 0, 15))
    assert theirs.mic == b"m" * 16
    assert AuthenticateMessage.decode(encoded).mic == bytes(16)


@pytest.mark.parametrize(
    ("flags", "version"),
    [(NegotiateFlags.VERSION, bytes((6, 1, 0, 0, 0, 0, 0, 15))), (NegotiateFlags.SIGN, bytes(8))],
)
def test_our_first_message(flags: NegotiateFlags, version: bytes) -> None:
    expected = b"NTLMSSP\x00\x01\x00\x00\x00" + int(flags).to_bytes(4, "little")
    assert NegotiateMessage(flags).encode() == expected + bytes(16) + version


@given(
    time=st.binary(min_size=8, max_size=8),
    challenge=st.binary(min_size=8, max_size=8),
    name=NAMES,
)
def test_others_read_our_client_challenge(time: bytes, challenge: bytes, name: str) -> None:
    pairs: dict[int, bytes] = {
        AvId.FLAGS: b"\x02\0\0\0",
        AvId.TARGET_NAME: name.encode("utf-16-le"),
    }
    encoded = encode_client_challenge(time, challenge, pairs)
    theirs = other.NTClientChallengeV2.unpack(encoded)
    assert (theirs.resp_type, theirs.hi_resp_type) == (1, 1)
    assert theirs.challenge_from_client == challenge
    assert theirs.av_pairs[other.AvId.target_name] == name
    assert encoded[8:16] == time
    assert encoded.endswith(bytes(8))
    assert ClientChallenge.decode(encoded).target_name == name


@given(domain=NAMES, user=NAMES, lm_response=VALUES, nt_response=VALUES, key=VALUES)
def test_reads_what_pyspnego_writes(
    domain: str, user: str, lm_response: bytes, nt_response: bytes, key: bytes
) -> None:
    packed = other.Authenticate(
        flags=int(NegotiateFlags.UNICODE),
        lm_challenge_response=lm_response,
        nt_challenge_response=nt_response,
        domain_name=domain,
        username=user,
        workstation="HOST",
        encrypted_session_key=key,
        version=other.Version(10),
        mic=b"m" * 16,
    ).pack()
    message = AuthenticateMessage.decode(packed)
    assert (message.domain_name, message.user_name) == (domain, user)
    assert message.lm_challenge_response == lm_response
    assert message.nt_challenge_response == nt_response
    assert message.encrypted_random_session_key == key
    assert message.mic == b"m" * 16


def test_the_repr_shows_no_proof(logon: Logon) -> None:
    message = AuthenticateMessage.decode(authenticate(logon))
    names = f"domain_name={message.domain_name!r}, user_name={message.user_name!r}"
    assert repr(message) == f"AuthenticateMessage(flags={message.flags!r}, {names})"


def test_a_message_of_another_type_is_refused(logon: Logon) -> None:
    with pytest.raises(WireError, match="type 1"):
        NegotiateMessage.decode(authenticate(logon))
    with pytest.raises(WireError, match="type 2"):
        ChallengeMessage.decode(authenticate(logon))
    with pytest.raises(WireError, match="type 3"):
        AuthenticateMessage.decode(NegTokenInit.decode(logon.init).mech_token or b"")
    with pytest.raises(WireError, match="type 1"):
        NegotiateMessage.decode(b"NTLMSSPX" + bytes(40))


def test_a_field_past_the_end_is_refused(logon: Logon) -> None:
    with pytest.raises(WireError, match="past"):
        AuthenticateMessage.decode(authenticate(logon)[:-1])


def test_an_empty_field_may_be_anywhere() -> None:
    empty = b"\x00\x00\x00\x00\xff\xff\xff\xff"
    message = AuthenticateMessage.decode(b"NTLMSSP\x00\x03\x00\x00\x00" + empty * 6 + bytes(4))
    assert (message.user_name, message.nt_challenge_response) == ("", b"")
    assert message.mic == b""


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "\ud800"])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    raw = name.encode("utf-16-le", "surrogatepass")
    field = len(raw).to_bytes(2, "little") * 2 + (64).to_bytes(4, "little")
    fields = bytes(24) + field + bytes(16)
    with pytest.raises(WireError, match="control characters"):
        AuthenticateMessage.decode(b"NTLMSSP\x00\x03\x00\x00\x00" + fields + bytes(4) + raw)


@given(data=st.binary(max_size=120))
def test_any_bytes_decode_or_raise_wire_error(data: bytes) -> None:
    decoders: list[Any] = [
        NegotiateMessage.decode,
        ChallengeMessage.decode,
        AuthenticateMessage.decode,
        ClientChallenge.decode,
        decode_av_pairs,
    ]
    types = [b"NTLMSSP\x00" + bytes((number, 0, 0, 0)) for number in (1, 2, 3)]
    for start in (b"", *types, b"\x01\x01"):
        for decode in decoders:
            try:
                decode(start + data)
            except WireError:
                continue


@given(
    pairs=st.dictionaries(st.sampled_from([i for i in AvId if i]), st.binary(max_size=20)),
    tail=st.binary(max_size=8),
)
def test_av_pairs_round_trip(pairs: dict[AvId, bytes], tail: bytes) -> None:
    encoded = encode_av_pairs(pairs.items())
    assert decode_av_pairs(encoded + tail) == pairs


def test_the_first_av_pair_of_an_id_counts() -> None:
    encoded = encode_av_pairs([(AvId.FLAGS, b"one"), (AvId.FLAGS, b"two")])
    assert decode_av_pairs(encoded) == {AvId.FLAGS: b"one"}


@pytest.mark.parametrize("data", [b"", b"\x01\x00\x04\x00ab", b"\x01\x00\x02\x00ab", b"\x01\x00"])
def test_av_pairs_need_their_end(data: bytes) -> None:
    with pytest.raises(WireError):
        decode_av_pairs(data)


def client_challenge(pairs: bytes, kind: bytes = b"\x01\x01") -> bytes:
    return kind + bytes(26) + pairs


def test_a_client_challenge_without_flags() -> None:
    assert ClientChallenge.decode(client_challenge(bytes(4))).av_flags == AvFlags(0)


@pytest.mark.parametrize(
    "data",
    [
        client_challenge(bytes(4), b"\x02\x01"),
        client_challenge(bytes(4), b"\x01\x02"),
        client_challenge(b""),
        client_challenge(encode_av_pairs([(AvId.FLAGS, b"\x02")])),
    ],
)
def test_a_bad_client_challenge_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        ClientChallenge.decode(data)


@pytest.mark.parametrize("flags", [NegotiateFlags, AvFlags])
def test_what_peers_send_is_not_remembered_for_ever(flags: type[Flags]) -> None:
    for value in range(5000):
        assert flags(value << 8) == value << 8
    assert len(flags._value2member_map_) < 1100
