"""The parts of aioquic's connection that are other than they were."""

import hashlib

import pytest
from aioquic.quic.packet import QuicFrameType

from smbquic.pki import PkiDirectory
from smbquic.transport.quic.connection_ids import ConnectionIdFormat, ConnectionIdSource
from smbquic.transport.quic.engine import (
    STATELESS_RESET,
    Acceptance,
    CloseReason,
    DatagramSizes,
)
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import server_engine
from smbquic.transport.quic.tls import ServerTls
from tests.unit.transport.quic.harness import PATH, NoIds
from tests.unit.transport.quic.simulation import Simulate, library

pytestmark = pytest.mark.engine("aioquic")


def test_what_the_handshake_was_written_to_is_let_go_of(simulate: Simulate) -> None:
    simulation = simulate()
    simulation.establish()
    simulation.advance(1)

    for engine in (simulation.client, simulation.server):
        buffers = library(engine)._crypto_buffers
        assert len(buffers) == 3
        assert {buffer.capacity for buffer in buffers.values()} == {0}


def test_a_stateless_reset_ends_the_connection(simulate: Simulate) -> None:
    simulation = simulate(engines="aioquic")
    simulation.establish()
    client = simulation.client
    token = library(client)._peer_cid.stateless_reset_token
    assert len(token) == 16
    client.receive_unmatched(b"\x40" + bytes(30) + bytes(16), PATH, simulation.now)
    assert client.close_reason is None
    client.receive_unmatched(b"\x40" + bytes(30) + token, PATH, simulation.now)

    assert client.close_reason == CloseReason(0, STATELESS_RESET, application=True)
    # It tells the peer nothing, which has no state any more.
    assert client.datagrams(simulation.now) == []
    event = library(client)._close_event
    client.receive_unmatched(b"\x40" + bytes(30) + token, PATH, simulation.now)
    assert library(client)._close_event is event


def token_of(connection_id: bytes) -> bytes:
    return hashlib.sha256(connection_id).digest()[:16]


def test_each_connection_id_has_the_token_that_is_made_of_it(pki: PkiDirectory) -> None:
    identity = ServerTls(pki.server.certificate, pki.server.key)
    engine = server_engine(identity, QuicOptions(engine="aioquic"))[1](
        DatagramSizes(1200, 1200),
        NoIds(),
        Acceptance(original_id=bytes(8), first_datagram=1200, reset_token=token_of),
    )
    quic = library(engine)
    [first] = quic._host_cids
    assert first.stateless_reset_token == token_of(first.cid)
    quic._replenish_connection_ids()

    assert len(quic._host_cids) > 1
    assert all(each.stateless_reset_token == token_of(each.cid) for each in quic._host_cids)


def test_all_connection_ids_are_those_of_the_listener(pki: PkiDirectory) -> None:
    source = ConnectionIdSource(ConnectionIdFormat(server_id=b"server", worker=1, workers=3))
    identity = ServerTls(pki.server.certificate, pki.server.key)
    engine = server_engine(identity, QuicOptions(engine="aioquic"))[1](
        DatagramSizes(1200, 1200),
        NoIds(),
        Acceptance(original_id=bytes(8), first_datagram=1200, connection_ids=source),
    )
    quic = library(engine)
    first = engine.connection_id
    assert quic._local_initial_source_connection_id == quic._host_cids[0].cid == first
    quic._replenish_connection_ids()
    kept = [each.cid for each in quic._host_cids]
    del quic._host_cids[0]
    quic._replenish_connection_ids()

    issued = [each.cid for each in quic._host_cids]
    # Those that the client may have been given stay.
    assert issued[:-1] == kept[1:]
    assert all(source.is_own(each) and each[1:7] == b"server" for each in (first, *issued))
    assert {len(each) for each in issued} == {17}


def test_only_the_client_opens_a_stream(simulate: Simulate) -> None:
    simulation = simulate(engines="aioquic")
    simulation.establish()
    for engine, streams in ((simulation.client, 0), (simulation.server, 1)):
        quic = library(engine)
        bidirectional, unidirectional = quic._local_max_streams_bidi, quic._local_max_streams_uni
        assert (bidirectional.value, bidirectional.sent) == (streams, streams)
        assert (unidirectional.value, unidirectional.sent) == (0, 0)


def test_larger_windows_are_those_of_open_streams_as_well(simulate: Simulate) -> None:
    simulation = simulate(engines="aioquic")
    simulation.establish()
    quic = library(simulation.server)
    stream = quic._get_or_create_stream(QuicFrameType.STREAM_BASE, 0)
    before = (
        quic._local_max_data.value,
        quic._local_max_stream_data_bidi_remote,
        stream.max_stream_data_local,
    )
    quic.max_segments += 5
    quic.raise_windows(1_000)

    assert quic._local_max_data.value == before[0] + 1_000
    assert quic._local_max_stream_data_bidi_remote == before[1] + 1_000
    assert stream.max_stream_data_local == before[2] + 1_000
    assert stream.receiver.max_segments == quic.max_segments
    assert quic._get_or_create_stream(QuicFrameType.STREAM_BASE, 0) is stream
