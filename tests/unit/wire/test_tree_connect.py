from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import LocalProtocolError, WireError
from smbquic.wire.tree_connect import (
    ShareCapabilities,
    ShareFlags,
    ShareType,
    TreeConnectFlags,
    TreeConnectRequest,
    TreeConnectResponse,
)

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

REQUEST = TreeConnectRequest(r"\\smb2server\share", flags=TreeConnectFlags.CLUSTER_RECONNECT)
RESPONSE = TreeConnectResponse(
    ShareType.DISK,
    ShareFlags.DFS | ShareFlags.NO_CACHING | ShareFlags.ENCRYPT_DATA,
    ShareCapabilities.DFS,
    0x1FF,
)


def test_request_layout(lay: Lay, frame: Frame) -> None:
    body = lay((2, 9), (2, 1), (2, 72), (2, 36), r"\\smb2server\share")
    assert REQUEST.encode() == body
    assert TreeConnectRequest.decode(frame(body)) == REQUEST


def test_response_layout(lay: Lay, frame: Frame) -> None:
    body = lay((2, 16), (1, 1), (1, 0), (4, 0x8031), (4, 8), (4, 0x1FF))
    assert RESPONSE.encode() == body
    assert TreeConnectResponse.decode(frame(body)) == RESPONSE


def test_response_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.3, step 9
    body = lay((2, 16), (1, 2), (1, 0), (4, 0x30), (4, 0), (4, 0x1F00A9))
    response = TreeConnectResponse.decode(frame(body))
    assert response.share_type == ShareType.PIPE
    assert response.share_flags == ShareFlags.NO_CACHING
    assert response.encode() == body


def test_path_behind_an_extension(lay: Lay, frame: Frame) -> None:
    body = lay((2, 9), (2, 4), (2, 88), (2, 10), (4, 40), (2, 0), bytes(10), r"\\a\b")
    request = TreeConnectRequest.decode(frame(body))
    assert request == TreeConnectRequest(r"\\a\b", flags=TreeConnectFlags.EXTENSION_PRESENT)


def test_path_of_odd_size(lay: Lay, frame: Frame) -> None:
    with pytest.raises(WireError, match="UTF-16"):
        TreeConnectRequest.decode(frame(lay((2, 9), (2, 0), (2, 72), (2, 3), b"abc")))


def test_path_too_long() -> None:
    with pytest.raises(LocalProtocolError):
        TreeConnectRequest("x" * 40000).encode()


def test_unknown_share_type_is_a_number(lay: Lay, frame: Frame) -> None:
    body = lay((2, 16), (1, 9), (1, 0), (4, 0), (4, 0), (4, 0))
    assert TreeConnectResponse.decode(frame(body)).share_type == 9


@pytest.mark.parametrize("message", [REQUEST, RESPONSE])
@given(data=st.data())
def test_any_bytes(
    message: TreeConnectRequest | TreeConnectResponse,
    data: st.DataObject,
    fuzz_message: Callable[..., None],
) -> None:
    fuzz_message(data, message)
