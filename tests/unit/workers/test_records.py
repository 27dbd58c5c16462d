"""The records between the messages of a connection."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import ConnectionClosed, IdleTimeout, RemoteProtocolError, TransportError
from smbquic.transport.base import EcnCounts, PathStatistics
from smbquic.workers import records
from smbquic.workers.records import Progress, RecordKind
from tests.unit.workers.joined import PEER


def test_a_record_has_its_type_and_length() -> None:
    assert records.record(RecordKind.KEEP_ALIVE, b"\1") == b"\x03\0\0\1\1"
    assert records.record(RecordKind.AUTHENTICATED) == b"\x02\0\0\0"
    assert records.kind_of(3) is RecordKind.KEEP_ALIVE


def test_types_are_what_both_ends_know() -> None:
    assert {each.name: each.value for each in RecordKind} == {
        "MESSAGE": 0,
        "CLOSE": 1,
        "AUTHENTICATED": 2,
        "KEEP_ALIVE": 3,
        "MAX_MESSAGE_SIZE": 4,
        "PROGRESS": 5,
        "ENDED": 6,
    }
    with pytest.raises(RemoteProtocolError, match="type 7"):
        records.kind_of(7)


def test_texts_are_bounded() -> None:
    assert records.text_of(records.text("gone")) == "gone"
    assert len(records.text("é" * 5000)) == records.TEXT_LIMIT
    assert records.text_of(b"\xff") == "\N{REPLACEMENT CHARACTER}"


@given(st.integers(0, (1 << 64) - 1))
def test_sizes(size: int) -> None:
    assert records.size_of(records.size(size)) == size


def test_a_size_of_another_length() -> None:
    with pytest.raises(RemoteProtocolError):
        records.size_of(b"1234")


MARKS = st.none() | st.builds(EcnCounts, *[st.integers(0, 1 << 62)] * 3)
PATHS = st.builds(
    PathStatistics,
    round_trip=st.none() | st.floats(0, 100),
    datagram_size=st.none() | st.integers(0, 65535),
    lost_packets=st.none() | st.integers(0, 1 << 40),
    congestion_window=st.none() | st.integers(0, 1 << 40),
    ecn_received=MARKS,
    ecn_reported=MARKS,
)
COUNTS = st.integers(0, (1 << 64) - 1)


@given(
    st.builds(
        Progress,
        st.integers(-(1 << 63), (1 << 63) - 1),
        COUNTS,
        COUNTS,
        COUNTS,
        st.booleans(),
        PATHS,
    )
)
def test_progress(progress: Progress) -> None:
    assert Progress.decode(progress.encode()) == progress


@given(st.binary(max_size=80))
def test_any_progress_decodes_or_is_refused(body: bytes) -> None:
    try:
        Progress.decode(body)
    except RemoteProtocolError:
        assert len(body) != len(Progress().encode())


@pytest.mark.parametrize("kind", [ConnectionClosed, IdleTimeout, RemoteProtocolError])
def test_ends(kind: type[Exception]) -> None:
    found = records.end_of(records.end(kind("the reason")))
    assert type(found) is kind
    assert str(found) == "the reason"


def test_any_other_end_is_that_of_a_connection() -> None:
    found = records.end_of(records.end(TransportError("something else")))
    assert type(found) is ConnectionClosed


@pytest.mark.parametrize("body", [b"", b"\x03gone"])
def test_ends_that_are_none(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        records.end_of(body)


def test_peers() -> None:
    assert records.decode_peer(memoryview(records.encode_peer(PEER))) == PEER


@pytest.mark.parametrize(
    "change",
    [
        {"remote": "nowhere"},
        {"remote": ["host", "port"]},
        {"certificates": 7},
        {"certificates": ["not base64!"]},
        {"leaf": None},
        {"unknown": 1},
    ],
)
def test_peers_that_are_none(change: dict[str, object]) -> None:
    fields = json.loads(records.encode_peer(PEER)) | change
    with pytest.raises(RemoteProtocolError, match="not described"):
        records.decode_peer(json.dumps(fields).encode())


@given(st.binary(max_size=100))
def test_any_other_bytes_are_no_peer(message: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        records.decode_peer(message)
