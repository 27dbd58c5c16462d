import pytest
from hypothesis import given
from hypothesis import strategies as st
from spnego import _spnego as other

from smbquic.auth.ntlm.messages import NTLMSSP
from smbquic.auth.spnego.tokens import NegState, NegTokenInit, NegTokenResp, encode_hint
from smbquic.errors import WireError
from tests.unit.auth.conftest import Logon

NTLMSSP_OID = "1.3.6.1.4.1.311.2.2.10"
KERBEROS_OID = "1.2.840.113554.1.2.2"


def test_reads_windows_first_token(logon: Logon) -> None:
    init = NegTokenInit.decode(logon.init)
    assert init.mech_types == [NTLMSSP]
    assert init.mech_list == bytes.fromhex("300c060a2b06010401823702020a")
    assert (init.mech_token or b"").startswith(b"NTLMSSP\x00\x01")


def test_reads_windows_second_token(logon: Logon) -> None:
    response = NegTokenResp.decode(logon.authenticate)
    assert (response.response_token or b"").startswith(b"NTLMSSP\x00\x03")
    assert response.mech_list_mic == bytes.fromhex("0100000063775a9a5fd97f0600000000")


def test_writes_what_windows_writes(logon: Logon) -> None:
    challenge = NegTokenResp.decode(logon.challenge).response_token
    answer = NegTokenResp(NegState.ACCEPT_INCOMPLETE, NTLMSSP, challenge)
    assert answer.encode() == logon.challenge
    mic = NegTokenResp.decode(logon.complete).mech_list_mic
    assert NegTokenResp(NegState.ACCEPT_COMPLETED, mech_list_mic=mic).encode() == logon.complete


def test_pyspnego_reads_our_hint() -> None:
    hint = other.unpack_token(encode_hint([NTLMSSP]))
    assert isinstance(hint, other.NegTokenInit)
    assert hint.mech_types == [NTLMSSP_OID]
    assert hint.hint_name == b"not_defined_in_RFC4178@please_ignore"
    assert hint.mech_token is None


@given(
    mech_types=st.permutations([NTLMSSP_OID, KERBEROS_OID, "1.2.840.48018.1.2.2"]),
    token=st.none() | st.binary(max_size=300),
)
def test_reads_pyspnegos_first_token(mech_types: list[str], token: bytes | None) -> None:
    init = NegTokenInit.decode(other.NegTokenInit(mech_types, mech_token=token).pack())
    assert len(init.mech_types) == 3
    assert init.mech_types.index(NTLMSSP) == mech_types.index(NTLMSSP_OID)
    assert init.mech_list == other.pack_mech_type_list(mech_types)
    assert init.mech_token == token


@given(
    state=st.none() | st.sampled_from(NegState),
    named=st.booleans(),
    token=st.none() | st.binary(max_size=70_000),
    mic=st.none() | st.binary(max_size=16),
)
def test_responses_are_the_same_for_pyspnego(
    state: NegState | None, named: bool, token: bytes | None, mic: bytes | None
) -> None:
    encoded = NegTokenResp(state, NTLMSSP if named else None, token, mic).encode()
    theirs = other.unpack_token(encoded)
    assert isinstance(theirs, other.NegTokenResp)
    assert theirs.neg_state == (None if state is None else other.NegState(state))
    assert theirs.supported_mech == (NTLMSSP_OID if named else None)
    assert (theirs.response_token, theirs.mech_list_mic) == (token, mic)
    assert theirs.pack() == encoded
    ours = NegTokenResp.decode(encoded)
    assert (ours.response_token, ours.mech_list_mic) == (token, mic)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65_535, 65_536])
def test_lengths_are_as_short_as_der_wants_them(size: int) -> None:
    # The elements around the token grow with it, each over the same bounds.
    for each in range(max(size - 12, 1), size + 2):
        token = bytes(each)
        expected = other.NegTokenResp(response_token=token).pack()
        assert NegTokenResp(None, response_token=token).encode() == expected
        assert NegTokenResp.decode(expected).response_token == token


@pytest.mark.parametrize(
    "token",
    [
        "",
        "60",
        "6003060100",  # the object identifier is not SPNEGO's
        "6010 06062b0601050502 a006 3004 a002 3000",  # no mechanism
        "6012 06062b0601050502 a008 3006 a004 3002 0400",  # a mechanism that is no OID
        "600e 06062b0601050502 a004 3002 a200",  # no list of mechanisms
        "1f81 00",  # a long tag
        "6080 0000",  # indefinite length
        "6085 0000000000",  # a length of five bytes
        "6084 ffffffff",  # past the end
        "6003 060100 ff",
    ],
)
def test_a_bad_first_token_is_refused(token: str) -> None:
    with pytest.raises(WireError):
        NegTokenInit.decode(bytes.fromhex(token))


@pytest.mark.parametrize(
    "token",
    ["", "a0023000", "a1023100", "a1043002a200", "a106 3004 a202 0500", "a106 3004 a302 0201"],
)
def test_a_bad_response_is_refused(token: str) -> None:
    with pytest.raises(WireError):
        NegTokenResp.decode(bytes.fromhex(token))


@given(data=st.binary(max_size=100))
def test_any_bytes_decode_or_raise_wire_error(data: bytes) -> None:
    size = bytes((len(data),))
    spnego = bytes.fromhex("06062b0601050502")
    for candidate in (data, b"\xa1" + size + data, b"\x60" + size + spnego + data):
        for decode in (NegTokenInit.decode, NegTokenResp.decode):
            try:
                decode(candidate)
            except WireError:
                continue


@given(at=st.integers(0, 73), value=st.integers(0, 255))
def test_a_changed_byte_decodes_or_raises_wire_error(at: int, value: int) -> None:
    token = bytearray(encode_hint([NTLMSSP]))
    token[at % len(token)] = value
    try:
        init = NegTokenInit.decode(token)
    except WireError:
        return
    assert len(init.mech_types) == 1
