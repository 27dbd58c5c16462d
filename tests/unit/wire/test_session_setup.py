from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.negotiate import GlobalCapabilities, SecurityMode
from smbquic.wire.session_setup import (
    SessionFlags,
    SessionSetupFlags,
    SessionSetupRequest,
    SessionSetupResponse,
)

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

REQUEST = SessionSetupRequest(
    SessionSetupFlags.BINDING,
    SecurityMode.SIGNING_ENABLED,
    GlobalCapabilities.DFS,
    0,
    0x40000000011,
    b"token",
)
RESPONSE = SessionSetupResponse(SessionFlags.ENCRYPT_DATA | SessionFlags.IS_GUEST, b"answer")


def test_request_layout(lay: Lay, frame: Frame) -> None:
    body = lay(
        (2, 25), (1, 1), (1, 1), (4, 1), (4, 0), (2, 88), (2, 5), (8, 0x40000000011), b"token"
    )
    assert REQUEST.encode() == body
    assert SessionSetupRequest.decode(frame(body)) == REQUEST


def test_response_layout(lay: Lay, frame: Frame) -> None:
    body = lay((2, 9), (2, 5), (2, 72), (2, 6), b"answer")
    assert RESPONSE.encode() == body
    assert SessionSetupResponse.decode(frame(body)) == RESPONSE


def test_request_of_windows() -> None:
    # From Microsoft's blog article on the anatomy of signing and cryptographic keys (2017).
    wire = bytes.fromhex(
        "FE534D4240000100000000000100800000000000000000000200000000000000FFFE000000000000"
        "00000000000000000000000000000000000000000000000019000001010000000000000058004A00"
        "0000000000000000604806062B0601050502A03E303CA00E300C060A2B06010401823702020AA22A"
        "04284E544C4D5353500001000000978208E200000000000000000000000000000000060380250000"
        "000F"
    )
    request = SessionSetupRequest.decode(memoryview(wire))
    assert request == SessionSetupRequest(
        SessionSetupFlags(0),
        SecurityMode.SIGNING_ENABLED,
        GlobalCapabilities.DFS,
        security_buffer=wire[88:],
    )
    assert request.encode() == wire[64:]


def test_token_outside(lay: Lay, frame: Frame) -> None:
    body = lay((2, 9), (2, 0), (2, 72), (2, 7), b"answer")
    with pytest.raises(WireError, match="SessionSetupResponse"):
        SessionSetupResponse.decode(frame(body))


@pytest.mark.parametrize("message", [REQUEST, RESPONSE])
@given(data=st.data())
def test_any_bytes(
    message: SessionSetupRequest | SessionSetupResponse,
    data: st.DataObject,
    fuzz_message: Callable[..., None],
) -> None:
    fuzz_message(data, message)
