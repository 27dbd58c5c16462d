"""The acceptor of NTLM within SPNEGO: accepted logons, the challenge, and any bytes."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from impacket import ntlm  # type: ignore[import-untyped]
from impacket.spnego import SPNEGO_NegTokenInit, SPNEGO_NegTokenResp, TypesMech  # type: ignore[import-untyped]
from spnego import _spnego as tokens
from spnego._ntlm_raw.messages import Authenticate, Challenge, Negotiate

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.identity import Identity
from smbquic.auth.ntlm import keys
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.ntlm.messages import AvId, ChallengeMessage, NegotiateFlags, decode_av_pairs
from smbquic.auth.users import UserStore
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from tests.unit.auth.conftest import Logon
from tests.unit.auth.ntlm.logons import (
    ALICE,
    FLAGS,
    KERBEROS,
    NTLMSSP,
    PASSWORD,
    authenticate_message,
    challenged,
    log_on,
    negotiate_client,
    ntlm_client,
)

# --- those who may come in ---------------------------------------------------------------------


@pytest.mark.parametrize("with_hint", [False, True])
def test_ntlm_within_spnego(authenticator: Authenticator, with_hint: bool) -> None:
    client, acceptor = negotiate_client(), authenticator.new_acceptor()
    last = log_on(client, acceptor, authenticator.hint() if with_hint else None)

    answer = tokens.unpack_token(last)
    assert answer.neg_state == tokens.NegState.accept_complete
    assert len(answer.mech_list_mic) == 16
    assert client.step(last) is None  # which verifies the mechListMIC
    assert client.complete
    assert acceptor.identity == ALICE
    assert acceptor.session_key == client.session_key
    assert len(acceptor.session_key) == 16


def test_bare_ntlm_is_answered_barely(authenticator: Authenticator) -> None:
    client, acceptor = ntlm_client(), authenticator.new_acceptor()
    challenge = acceptor.step(client.step())
    assert challenge.startswith(b"NTLMSSP\x00\x02")
    assert acceptor.step(client.step(challenge)) == b""
    assert acceptor.identity == ALICE
    assert acceptor.session_key == client.session_key


def test_a_client_whose_first_choice_is_kerberos(authenticator: Authenticator) -> None:
    client, acceptor = ntlm_client(), authenticator.new_acceptor()
    mech_list = [KERBEROS, NTLMSSP]
    first = tokens.unpack_token(
        acceptor.step(tokens.NegTokenInit(mech_list, mech_token=b"a Kerberos token").pack())
    )
    assert first.neg_state == tokens.NegState.request_mic
    assert (first.supported_mech, first.response_token) == (NTLMSSP, None)

    assert not client._requires_mech_list_mic  # and from now on it makes one
    second = tokens.unpack_token(
        acceptor.step(tokens.NegTokenResp(response_token=client.step()).pack())
    )
    assert second.neg_state == tokens.NegState.accept_incomplete
    authenticate = client.step(second.response_token)
    packed = tokens.pack_mech_type_list(mech_list)
    mic = client.sign(packed)
    last = tokens.unpack_token(
        acceptor.step(tokens.NegTokenResp(None, None, authenticate, mic).pack())
    )
    assert last.neg_state == tokens.NegState.accept_complete
    client._reset_ntlm_crypto_state(outgoing=False)
    client.verify(packed, last.mech_list_mic)
    assert acceptor.identity == ALICE


def test_a_client_without_an_optimistic_token(authenticator: Authenticator) -> None:
    client, acceptor = ntlm_client(), authenticator.new_acceptor()
    first = tokens.unpack_token(acceptor.step(tokens.NegTokenInit([NTLMSSP, KERBEROS]).pack()))
    assert first.neg_state == tokens.NegState.accept_incomplete
    assert (first.supported_mech, first.response_token) == (NTLMSSP, None)
    second = tokens.unpack_token(
        acceptor.step(tokens.NegTokenResp(response_token=client.step()).pack())
    )
    token = client.step(second.response_token)
    last = tokens.unpack_token(acceptor.step(tokens.NegTokenResp(response_token=token).pack()))
    assert last.neg_state == tokens.NegState.accept_complete
    assert last.mech_list_mic is None
    assert acceptor.session_key == client.session_key


@pytest.mark.parametrize("signing", [False, True])
def test_impacket_logs_on(authenticator: Authenticator, signing: bool) -> None:
    acceptor = authenticator.new_acceptor()
    first = ntlm.getNTLMSSPType1("HOST", "", signing)
    init = SPNEGO_NegTokenInit()
    init["MechTypes"] = [TypesMech["NTLMSSP - Microsoft NTLM Security Support Provider"]]
    init["MechToken"] = first.getData()
    answer = SPNEGO_NegTokenResp(acceptor.step(init.getData()))
    third, session_key = ntlm.getNTLMSSPType3(
        first, answer["ResponseToken"], "alice", PASSWORD, "WORK"
    )
    response = SPNEGO_NegTokenResp()
    response["ResponseToken"] = third.getData()
    last = SPNEGO_NegTokenResp(acceptor.step(response.getData()))
    assert last["NegState"] == b"\x00"
    assert acceptor.identity == ALICE
    assert acceptor.session_key == session_key


def test_microsofts_logon(logon: Logon) -> None:
    """The whole recorded exchange: our answers are Windows' own, byte for byte."""
    users = UserStore()
    users.add("Administrator", logon.password)
    recorded = tokens.unpack_token(logon.challenge).response_token
    challenge = Challenge.unpack(recorded)

    class Recorded(ChallengeMessage):
        def encode(self) -> bytes:
            return bytes(recorded)

    class WindowsServer(NtlmMechanism):
        def make_challenge(self, wanted: NegotiateFlags) -> ChallengeMessage:
            ours = super().make_challenge(wanted)
            assert ours.target_info == recorded[-80:]
            return Recorded(
                NegotiateFlags(challenge.flags), challenge.server_challenge, "SUT311", b""
            )

    server = WindowsServer(users, server_name="SUT311", clock=lambda: 1435184301389456100)
    acceptor = Authenticator([server]).new_acceptor()
    assert acceptor.step(logon.init) == logon.challenge
    assert acceptor.step(logon.authenticate) == logon.complete
    assert acceptor.identity == Identity("Administrator", "SUT311")
    assert acceptor.session_key == logon.session_key


def test_a_client_that_hashes_without_the_domain(authenticator: Authenticator) -> None:
    """[MS-NLMP] 3.2.5.1.2: servers should support them."""
    acceptor, challenge = challenged(authenticator)
    assert acceptor.step(authenticate_message(challenge, hashed_domain="")) == b""
    assert acceptor.identity == ALICE


def test_without_key_exchange_the_base_key_is_the_session_key(
    authenticator: Authenticator,
) -> None:
    flags = FLAGS & ~NegotiateFlags.KEY_EXCH
    acceptor, challenge = challenged(authenticator, flags)
    message = authenticate_message(challenge, flags=flags, encrypted_session_key=b"")
    acceptor.step(message)
    key = keys.response_key(keys.nt_hash(PASSWORD), "alice", "WORK")
    proof = Authenticate.unpack(message).nt_challenge_response
    assert proof is not None
    assert acceptor.session_key == keys.session_base_key(key, proof[:16])


def test_logons_do_not_touch_each_other(authenticator: Authenticator) -> None:
    pairs = [(negotiate_client(), authenticator.new_acceptor()) for _ in range(3)]
    answers = [acceptor.step(client.step()) for client, acceptor in pairs]
    for (client, acceptor), answer in reversed(list(zip(pairs, answers, strict=True))):
        acceptor.step(client.step(answer))
    assert {acceptor.identity for _, acceptor in pairs} == {ALICE}
    assert len({acceptor.session_key for _, acceptor in pairs}) == 3


def test_an_account_brings_its_groups(users: UserStore, authenticator: Authenticator) -> None:
    users.set_groups("alice", ["staff", "Paris"])
    client, acceptor = negotiate_client(), authenticator.new_acceptor()
    log_on(client, acceptor)
    assert acceptor.identity == Identity("Alice", "WORK", groups=("paris", "staff"))


# --- the challenge -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server_name", "domain", "names"),
    [
        ("fs.example.org", "WORK", ("WORK", "FS", "example.org", "fs.example.org")),
        ("fs", "", ("FS", "FS", "fs", "fs")),
        (
            "a-very-long-name-indeed",
            "",
            ("A-VERY-LONG-NAM",) * 2 + ("a-very-long-name-indeed",) * 2,
        ),
    ],
)
def test_the_target_info(
    users: UserStore, server_name: str, domain: str, names: tuple[str, ...]
) -> None:
    mechanism = NtlmMechanism(
        users, server_name=server_name, domain=domain, clock=lambda: 0, random=lambda n: b"r" * n
    )
    authenticator = Authenticator([mechanism])
    _, message = challenged(authenticator)
    challenge = Challenge.unpack(message)
    assert challenge.server_challenge == b"r" * 8
    assert challenge.target_name == names[1]
    name_length = struct.unpack_from("<H", message, 12)[0]
    pairs = decode_av_pairs(message[56 + name_length :])
    assert tuple(pairs[av_id].decode("utf-16-le") for av_id in (2, 1, 4, 3)) == names
    assert int.from_bytes(pairs[AvId.TIMESTAMP], "little") == 116444736000000000


def test_the_flags_are_what_both_can_do(authenticator: Authenticator) -> None:
    always = (
        NegotiateFlags.REQUEST_TARGET
        | NegotiateFlags.NTLM
        | NegotiateFlags.ALWAYS_SIGN
        | NegotiateFlags.TARGET_TYPE_SERVER
        | NegotiateFlags.TARGET_INFO
    )
    unwanted = NegotiateFlags.OEM | NegotiateFlags.LM_KEY | NegotiateFlags.DATAGRAM
    _, message = challenged(authenticator, FLAGS | unwanted)
    assert Challenge.unpack(message).flags == FLAGS | always


def test_every_challenge_is_another(authenticator: Authenticator) -> None:
    challenges = {challenged(authenticator)[1][24:32] for _ in range(10)}
    assert len(challenges) == 10


# --- any bytes ---------------------------------------------------------------------------------


def test_nothing_is_known_before_the_end(authenticator: Authenticator) -> None:
    acceptor = authenticator.new_acceptor()
    assert not acceptor.complete
    assert acceptor.session_key == b""
    with pytest.raises(AuthenticationError, match="not complete"):
        _ = acceptor.identity


def test_a_complete_logon_takes_no_more(authenticator: Authenticator) -> None:
    acceptor = authenticator.new_acceptor()
    log_on(negotiate_client(), acceptor)
    with pytest.raises(AuthenticationError, match="over") as caught:
        acceptor.step(b"")
    assert caught.value.status is NtStatus.INVALID_PARAMETER
    assert acceptor.identity == ALICE


def make_authenticator() -> Authenticator:
    users = UserStore()
    users.add("Alice", PASSWORD)
    return Authenticator([NtlmMechanism(users, server_name="fs", guest=True)])


AUTHENTICATOR = make_authenticator()


@given(token=st.binary(max_size=100))
def test_any_first_token_is_answered_or_refused(token: bytes) -> None:
    for start in (b"", b"NTLMSSP\x00\x01\x00\x00\x00", AUTHENTICATOR.hint()[:20]):
        acceptor = AUTHENTICATOR.new_acceptor()
        with contextlib.suppress(AuthenticationError):
            acceptor.step(start + token)
        assert not acceptor.complete


@given(token=st.binary(max_size=100), wrap=st.booleans())
def test_any_second_token_is_answered_or_refused(token: bytes, wrap: bool) -> None:
    message = b"NTLMSSP\x00\x03\x00\x00\x00" + token
    acceptor = AUTHENTICATOR.new_acceptor()
    if wrap:
        negotiate = Negotiate(int(FLAGS)).pack()
        acceptor.step(tokens.NegTokenInit([NTLMSSP], mech_token=negotiate).pack())
        message = tokens.NegTokenResp(response_token=message).pack()
    else:
        acceptor.step(Negotiate(int(FLAGS)).pack())
    try:
        acceptor.step(message)
    except AuthenticationError:
        return
    assert acceptor.session_key == b""


@given(at=st.integers(0, 10_000), mask=st.integers(1, 255))
def test_a_changed_logon_gives_the_same_session_or_none(at: int, mask: int) -> None:
    client, acceptor = negotiate_client(), AUTHENTICATOR.new_acceptor()
    token = bytearray(client.step(acceptor.step(client.step())))
    token[at % len(token)] ^= mask
    try:
        acceptor.step(bytes(token))
    except AuthenticationError:
        return
    assert acceptor.session_key in (b"", client.session_key)
    assert bool(acceptor.session_key) == (acceptor.identity == Identity("Alice", "FS"))
