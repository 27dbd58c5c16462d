"""The engine plug-in for smbquic_native, an optional extension in Rust: it is the fastest."""

from smbquic.transport.quic.engine import Verify
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.plugin import EngineCapabilities, EnginePlugin, MakeEngine
from smbquic.transport.quic.tickets import Resumption
from smbquic.transport.quic.tls import CertificatesByName, ClientTls, ServerTls
from smbquic.transport.quic.udp import SocketReader, ThreadReceiver
from smbquic.transport.socket_options import LINUX


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


def _reader(receiver: ThreadReceiver, count: int, id_size: int) -> SocketReader:
    from smbquic.transport.quic.native.io_threads import NativeIoThreads

    return NativeIoThreads(receiver, count, id_size)


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
    _reader,
)
