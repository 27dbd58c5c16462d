from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import LocalProtocolError, WireError
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import (
    CreateAction,
    CreateDisposition,
    CreateFlags,
    CreateOptions,
    CreateRequest,
    CreateResponse,
    ImpersonationLevel,
    OplockLevel,
    ShareAccess,
)
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import QueryMaximalAccessResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

# [MS-SMB2] 4.5, step 1
REQUEST = CreateRequest(
    OplockLevel.OPLOCK_LEVEL_BATCH,
    ImpersonationLevel.Impersonation,
    AccessMask.FILE_READ_DATA
    | AccessMask.FILE_READ_EA
    | AccessMask.FILE_READ_ATTRIBUTES
    | AccessMask.READ_CONTROL
    | AccessMask.SYNCHRONIZE,
    FileAttributes.NORMAL,
    ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE,
    CreateDisposition.FILE_OPEN,
    CreateOptions.FILE_SYNCHRONOUS_IO_NONALERT | CreateOptions.FILE_NON_DIRECTORY_FILE,
    "testfile.txt",
)
# [MS-SMB2] 4.5, step 2
RESPONSE = CreateResponse(
    OplockLevel.OPLOCK_LEVEL_BATCH,
    0,
    CreateAction.FILE_OPENED,
    127972992877715232,
    127972992923579232,
    127972992923579232,
    127972992923579232,
    104,
    98,
    FileAttributes.ARCHIVE,
    FileId(17, 0xFFFFFFFF00000009),
)


def request_head(lay: Lay, *tail: tuple[int, int]) -> bytes:
    return lay(
        *((2, 57), (1, 0), (1, 9), (4, 2), (8, 0), (8, 0), (4, 0x00120089), (4, 0x80)),
        *((4, 3), (4, 1), (4, 0x60), *tail),
    )


def test_request_of_the_specification(lay: Lay, frame: Frame) -> None:
    body = request_head(lay, (2, 120), (2, 24), (4, 0), (4, 0)) + lay("testfile.txt")
    assert REQUEST.encode() == body
    assert CreateRequest.decode(frame(body)) == REQUEST


def test_response_of_the_specification(lay: Lay, frame: Frame) -> None:
    body = lay(
        *((2, 89), (1, 9), (1, 9), (4, 1)),
        *((8, 0x1C6A6C24D51DF20), *((8, 0x1C6A6C2500DB360),) * 3),
        *((8, 104), (8, 98), (4, 0x20), (4, 0)),
        *((8, 17), (8, 0xFFFFFFFF00000009), (4, 0), (4, 0)),
    )
    expected = replace(RESPONSE, flags=9)
    assert CreateResponse.decode(frame(body)) == expected
    assert expected.encode() == body


def test_contexts_begin_at_a_multiple_of_eight(lay: Lay, frame: Frame) -> None:
    request = replace(REQUEST, name="ab", contexts=[CreateContext(b"QFid")])
    body = request_head(lay, (2, 120), (2, 4), (4, 128), (4, 20)) + lay(
        "ab",
        bytes(4),
        *((4, 0), (2, 16), (2, 4), (2, 0), (2, 0), (4, 0), b"QFid"),
    )
    assert request.encode() == body
    assert CreateRequest.decode(frame(body)) == request


def test_root_of_the_share(lay: Lay, frame: Frame) -> None:
    request = replace(REQUEST, name="")
    body = request_head(lay, (2, 120), (2, 0), (4, 0), (4, 0)) + b"\0"
    assert request.encode() == body
    assert CreateRequest.decode(frame(body)) == request
    assert CreateRequest.decode(frame(body[:-1])) == request


def test_root_of_the_share_with_contexts(frame: Frame) -> None:
    request = replace(REQUEST, name="", contexts=[CreateContext(b"MxAc")])
    body = request.encode()
    assert body[56:60] == bytes(4)
    assert len(body) == 56 + 20
    assert CreateRequest.decode(frame(body)) == request


def test_response_with_contexts(lay: Lay, frame: Frame) -> None:
    context = QueryMaximalAccessResponse(0, 0x1F01FF).context()
    response = replace(RESPONSE, flags=CreateFlags.REPARSEPOINT, contexts=[context])
    body = response.encode()
    assert body[80:88] == lay((4, 152), (4, 32))
    assert body[88:] == lay(
        *((4, 0), (2, 16), (2, 4), (2, 0), (2, 24), (4, 8), b"MxAc", bytes(4)),
        *((4, 0), (4, 0x1F01FF)),
    )
    assert CreateResponse.decode(frame(body)) == response


def test_a_name_of_file_systems_that_allow_anything(frame: Frame) -> None:
    request = replace(REQUEST, name="lone \udc00 surrogate")
    assert CreateRequest.decode(frame(request.encode())) == request


def test_name_too_long() -> None:
    with pytest.raises(LocalProtocolError):
        replace(REQUEST, name="x" * 32768).encode()


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param(((2, 120), (2, 26), (4, 0), (4, 0)), id="name outside"),
        pytest.param(((2, 8), (2, 2), (4, 0), (4, 0)), id="name in the header"),
        pytest.param(((2, 120), (2, 3), (4, 0), (4, 0)), id="odd name"),
        pytest.param(((2, 120), (2, 24), (4, 144), (4, 8)), id="contexts outside"),
        pytest.param(((2, 120), (2, 24), (4, 0), (4, 8)), id="contexts in the header"),
        pytest.param(((2, 120), (2, 0), (4, 120), (4, 8)), id="no context"),
    ],
)
def test_malformed_request(tail: tuple[tuple[int, int], ...], lay: Lay, frame: Frame) -> None:
    with pytest.raises(WireError):
        CreateRequest.decode(frame(request_head(lay, *tail) + lay("testfile.txt")))


def test_unknown_values_are_for_the_server_to_judge(frame: Frame) -> None:
    request = CreateRequest(77, 88, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 99, 0xFFFFFFFF, "a")
    assert CreateRequest.decode(frame(request.encode())) == request


WITH_CONTEXTS = [CreateContext(b"MxAc"), CreateContext(b"AlSi", b"12345678")]


@pytest.mark.parametrize(
    "message",
    [
        REQUEST,
        RESPONSE,
        replace(REQUEST, contexts=WITH_CONTEXTS),
        replace(RESPONSE, contexts=WITH_CONTEXTS),
    ],
)
@given(data=st.data())
def test_any_bytes(
    message: CreateRequest | CreateResponse,
    data: st.DataObject,
    fuzz_message: Callable[..., None],
) -> None:
    fuzz_message(data, message)


@given(
    numbers=st.lists(st.integers(0, 2**32 - 1), min_size=6, max_size=6),
    oplock_level=st.integers(0, 255),
    name=st.text(max_size=40),
)
def test_request_round_trip(numbers: list[int], oplock_level: int, name: str) -> None:
    level, access, attributes, share, disposition, options = numbers
    request = CreateRequest(
        oplock_level, level, access, attributes, share, disposition, options, name
    )
    assert CreateRequest.decode(memoryview(bytes(64) + request.encode())) == request
