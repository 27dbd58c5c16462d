import pytest
from hypothesis import given
from hypothesis import strategies as st
from impacket import ntlm  # type: ignore[import-untyped]

from smbquic.auth.ntlm import keys
from smbquic.auth.ntlm.messages import AuthenticateMessage, AvId, NegotiateFlags, encode_av_pairs
from smbquic.auth.spnego.tokens import NegTokenInit, NegTokenResp
from tests.unit.auth.conftest import Logon

SPEC_CHALLENGE = bytes.fromhex("0123456789abcdef")  # [MS-NLMP] 4.2.1
SPEC_SESSION_KEY = b"\x55" * 16
SPEC_FLAGS = NegotiateFlags(0xE28A8233)  # [MS-NLMP] 4.2.4


def token_of(response: bytes) -> bytes:
    return NegTokenResp.decode(response).response_token or b""


def test_the_specifications_ntlmv2_example() -> None:
    """[MS-NLMP] 4.2.4: user "User", domain "Domain", password "Password"."""
    key = keys.response_key(keys.nt_hash("Password"), "User", "Domain")
    assert key.hex() == "0c868a403bfd7a93a3001ef22ef02e3f"

    names = encode_av_pairs(
        [
            (AvId.NB_DOMAIN_NAME, "Domain".encode("utf-16-le")),
            (AvId.NB_COMPUTER_NAME, "Server".encode("utf-16-le")),
        ]
    )
    temp = b"".join((b"\x01\x01", bytes(14), b"\xaa" * 8, bytes(4), names, bytes(4)))
    proof = keys.nt_proof(key, SPEC_CHALLENGE, temp)
    assert proof.hex() == "68cd0ab851e51c96aabc927bebef6a1c"
    base_key = keys.session_base_key(key, proof)
    assert base_key.hex() == "8de40ccadbc14a82f15cb0ad0de95ca3"
    encrypted = bytes.fromhex("c5dad2544fc9799094ce1ce90bc9d03e")
    assert keys.exported_session_key(base_key, encrypted) == SPEC_SESSION_KEY
    assert keys.encrypted_session_key(base_key, SPEC_SESSION_KEY) == encrypted


def test_the_specifications_checksum() -> None:
    """[MS-NLMP] 4.2.4.4, before RC4, which has sealed the message there and not here."""
    signature = keys.first_signature(
        SPEC_FLAGS & ~NegotiateFlags.KEY_EXCH,
        SPEC_SESSION_KEY,
        "Plaintext".encode("utf-16-le"),
        from_server=False,
    )
    assert signature.hex() == "01000000" + "70352851f2564309" + "00000000"


def test_microsofts_logon(logon: Logon) -> None:
    message = AuthenticateMessage.decode(token_of(logon.authenticate))
    assert keys.nt_hash(logon.password) == logon.nt_hash
    key = keys.response_key(logon.nt_hash, logon.user, logon.domain)
    assert key == logon.response_key
    challenge = message.nt_challenge_response[16:]
    assert keys.nt_proof(key, logon.server_challenge, challenge) == logon.nt_proof
    base_key = keys.session_base_key(key, logon.nt_proof)
    assert base_key == logon.session_base_key
    exported = keys.exported_session_key(base_key, message.encrypted_random_session_key)
    assert exported == logon.session_key


def test_microsofts_mic(logon: Logon) -> None:
    negotiate = NegTokenInit.decode(logon.init).mech_token or b""
    message = AuthenticateMessage.decode(token_of(logon.authenticate))
    mic = keys.exchange_mic(
        logon.session_key, (negotiate, token_of(logon.challenge), message.without_mic)
    )
    assert mic == message.mic


def test_microsofts_mech_list_mics(logon: Logon) -> None:
    mech_list = NegTokenInit.decode(logon.init).mech_list
    message = AuthenticateMessage.decode(token_of(logon.authenticate))
    for token, from_server in ((logon.authenticate, False), (logon.complete, True)):
        signature = keys.first_signature(
            message.flags, logon.session_key, mech_list, from_server=from_server
        )
        assert signature == NegTokenResp.decode(token).mech_list_mic


def test_without_the_sign_flag_the_signature_is_a_constant() -> None:
    flags = SPEC_FLAGS & ~NegotiateFlags.SIGN
    signature = keys.first_signature(flags, SPEC_SESSION_KEY, b"x", from_server=True)
    assert signature == b"\x01" + bytes(15)


@given(password=st.text(max_size=40))
def test_agrees_with_impacket_on_hashes(password: str) -> None:
    assert keys.nt_hash(password) == ntlm.compute_nthash(password)


@given(
    user=st.text(st.characters(codec="ascii"), max_size=20),
    domain=st.text(st.characters(codec="utf-8"), max_size=20),
    hashed=st.binary(min_size=16, max_size=16),
)
def test_agrees_with_impacket_on_response_keys(user: str, domain: str, hashed: bytes) -> None:
    expected = ntlm.NTOWFv2(user, "", domain, hashed)
    assert keys.response_key(hashed, user, domain) == expected


@given(message=st.binary(max_size=64), from_server=st.booleans())
def test_agrees_with_impacket_on_signatures(message: bytes, from_server: bool) -> None:
    mode = "Server" if from_server else "Client"
    sign_key = ntlm.SIGNKEY(SPEC_FLAGS, SPEC_SESSION_KEY, mode)
    seal_key = ntlm.SEALKEY(SPEC_FLAGS, SPEC_SESSION_KEY, mode)
    other = ntlm.MAC(SPEC_FLAGS, ntlm.ARC4.new(seal_key).encrypt, sign_key, 0, message)
    signature = keys.first_signature(SPEC_FLAGS, SPEC_SESSION_KEY, message, from_server=from_server)
    assert signature == other.getData()


@pytest.mark.parametrize(
    ("name", "upper"), [("zoë", "ZOË"), ("straße", "STRAßE"), ("ﬁn", "ﬁN"), ("Ab1", "AB1")]
)
def test_capitals_are_windows_own(name: str, upper: str) -> None:
    """Windows maps letter by letter: a capital that needs two letters is none."""
    assert keys.response_key(bytes(16), name, "") == keys.response_key(bytes(16), upper, "")
    assert keys.response_key(bytes(16), name, "") != keys.response_key(bytes(16), upper + "x", "")
