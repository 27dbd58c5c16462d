import contextlib
import struct
from collections.abc import Callable
from typing import Any

import pytest
import spnego
from hypothesis import given
from hypothesis import strategies as st
from impacket import ntlm  # type: ignore[import-untyped]
from impacket.spnego import (  # type: ignore[import-untyped]
    SPNEGO_NegTokenInit,
    SPNEGO_NegTokenResp,
    TypesMech,
)
from spnego import _spnego as tokens
from spnego._ntlm_raw.messages import Authenticate, Challenge, Negotiate

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.identity import Identity
from smbquic.auth.logon_limiter import LogonLimiter
from smbquic.auth.ntlm import keys
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.ntlm.messages import (
    AvId,
    ChallengeMessage,
    NegotiateFlags,
    decode_av_pairs,
    encode_av_pairs,
)
from smbquic.auth.spnego.acceptor import Acceptor
from smbquic.auth.users import UserStore
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from tests.unit.auth.conftest import Logon

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


# --- those who may not -------------------------------------------------------------------------


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


# --- guests ------------------------------------------------------------------------------------


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
