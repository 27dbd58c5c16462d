"""What goes to qh3's library, and what directly to its core."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from smbquic.transport.quic.qh3.core_access import DirectAccess, LibraryAccess

pytestmark = pytest.mark.engine("qh3")

ADDRESS = ("192.0.2.1", 1)


class RecordingLibrary:
    """A connection of the library, and its core, that record what they are asked for."""

    def __init__(self, *, only_data: bool = True) -> None:
        self.calls: list[tuple[object, ...]] = []
        core = SimpleNamespace(send_stream="send", get_send_buffer_size="unsent")
        self._core = SimpleNamespace(
            core=core,
            receive_gro_buffer=lambda *arguments: self.calls.append(("core", *arguments)),
            take_data=lambda: only_data,
        )
        self.send_stream_data = "send through the library"
        self.get_send_buffer_size = "unsent in the library"

    def receive_datagram(self, *arguments: object) -> None:
        self.calls.append(("datagram", *arguments))

    def receive_gro_buffer(self, *arguments: object) -> None:
        self.calls.append(("segments", *arguments))

    def _drain_core(self) -> None:
        self.calls.append(("events",))


def test_the_library_processes_everything_and_may_have_events() -> None:
    quic = RecordingLibrary()
    access = LibraryAccess(cast(Any, quic))

    assert not access.is_direct
    assert vars(access)["send"] == "send through the library"
    assert vars(access)["unsent"] == "unsent in the library"
    assert access.receive(b"\x40short", ADDRESS, 1.0)
    assert access.receive_segments(b"aabb", 2, ADDRESS, 2.0)
    assert quic.calls == [
        ("datagram", b"\x40short", ADDRESS, 1.0),
        ("segments", b"aabb", 2, ADDRESS, 2.0),
    ]


@pytest.mark.parametrize("only_data", [True, False])
def test_the_core_gets_packets_with_a_short_header(only_data: bool) -> None:
    quic = RecordingLibrary(only_data=only_data)
    access = DirectAccess(cast(Any, quic))
    events = [] if only_data else [("events",)]

    assert access.is_direct
    assert (vars(access)["send"], vars(access)["unsent"]) == ("send", "unsent")
    assert access.receive(b"\x7fshort", ADDRESS, 1.0) is not only_data
    assert access.receive_segments(b"aabb", 2, ADDRESS, 2.0) is not only_data
    assert quic.calls == [
        ("core", b"\x7fshort", 6, ADDRESS, 1.0),
        *events,
        ("core", b"aabb", 2, ADDRESS, 2.0),
        *events,
    ]


def test_a_late_packet_of_the_handshake_is_for_the_library() -> None:
    quic = RecordingLibrary()

    assert DirectAccess(cast(Any, quic)).receive(b"\x80long", ADDRESS, 1.0)
    assert quic.calls == [("datagram", b"\x80long", ADDRESS, 1.0)]
