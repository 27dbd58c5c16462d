"""The engine plug-in for smbquic_native, an optional extension in Rust: it is the fastest."""

from importlib import import_module

from smbquic.transport.quic.engine import Verify
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.plugin import EngineCapabilities, EnginePlugin, MakeEngine
from smbquic.transport.quic.tickets import Resumption
from smbquic.transport.quic.tls import CertificatesByName, ClientTls, ServerTls

_CONFIGURATION = "smbquic.transport.quic.native.configuration"


def _client(
    trust: ClientTls,
    server_name: str,
    options: QuicOptions,
    verify: Verify | None,
    resumption: Resumption | None,
) -> MakeEngine:
    make: MakeEngine = import_module(_CONFIGURATION).client(
        trust, server_name, options, verify, resumption
    )
    return make


def _server(identity: ServerTls | CertificatesByName, options: QuicOptions) -> MakeEngine:
    make: MakeEngine = import_module(_CONFIGURATION).server(identity, options)
    return make


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
    ),
    _client,
    _server,
)
