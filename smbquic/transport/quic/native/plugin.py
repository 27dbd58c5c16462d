"""The engine plug-in for smbquic_native, an optional extension in Rust: it is the fastest."""

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from smbquic.transport.quic.engine import Engine, Verify
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.plugin import EngineCapabilities, EnginePlugin, MakeEngine, ReadFor
from smbquic.transport.quic.tickets import Resumption
from smbquic.transport.quic.tls import CertificatesByName, ClientTls, ServerTls
from smbquic.transport.quic.udp import DirectReceiver, UdpEndpoint
from smbquic.transport.socket_options import LINUX

if TYPE_CHECKING:
    from smbquic.transport.quic.native.io_threads import NativeIoThreads
    from smbquic.transport.quic.native.reader import NativeReader


def _client(
    trust: ClientTls,
    server_name: str,
    options: QuicOptions,
    verify: Verify | None,
    resumption: Resumption | None,
) -> MakeEngine:
    from smbquic.transport.quic.native.configuration import client

    return client(trust, server_name, options, verify, resumption)


def _server(identity: ServerTls | CertificatesByName, options: QuicOptions) -> MakeEngine:
    from smbquic.transport.quic.native.configuration import server

    return server(identity, options)


def _reader(
    endpoint: UdpEndpoint, receiver: DirectReceiver, threads: int | None, id_size: int
) -> ReadFor:
    if threads:
        from smbquic.transport.quic.native.io_threads import NativeIoThreads

        io_threads = NativeIoThreads(receiver, threads, id_size)
        endpoint.read_by(io_threads)
        return partial(_hand_over, io_threads=io_threads)

    @cache
    def reader() -> "NativeReader":
        # A client imports it when it is needed, which is not while it connects.
        from smbquic.transport.quic.native.reader import NativeReader

        return NativeReader(endpoint, receiver, id_size)

    if threads is not None:
        # The descriptors of a server do not become more with its clients.
        reader().begin()
    return partial(_hand_over, reader=reader)


def _hand_over(
    engine: Engine,
    *,
    io_threads: "NativeIoThreads | None" = None,
    reader: "Callable[[], NativeReader] | None" = None,
) -> None:
    """Tell an engine what may read the socket for it, if it is one of this kind."""
    from smbquic.transport.quic.native.engine import NativeEngine

    if isinstance(engine, NativeEngine):
        engine.io_threads, engine.reader = io_threads, reader


NATIVE = EnginePlugin(
    "native",
    "smbquic_native",
    EngineCapabilities(
        congestion=frozenset({"cubic", "bbr", "reno"}),
        groups=frozenset({"X25519", "P-256", "P-384"}),
        client_certificates=True,
        certificate_by_name=True,
        zero_length_ids=True,
        # quinn-proto has version 1 only.
        version_2=False,
        any_group=True,
        qlog=False,
        ecn=True,
        io_threads=LINUX,
    ),
    _client,
    _server,
    _reader if LINUX else None,
)
