"""The engine plug-in for qh3: it is fast, but lacks some features that a server may need."""

from functools import partial

from smbquic.options.quic import GROUPS
from smbquic.transport.quic.engine import Verify
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.plugin import EngineCapabilities, EnginePlugin, MakeEngine
from smbquic.transport.quic.tickets import Resumption
from smbquic.transport.quic.tls import CertificatesByName, ClientTls, ServerTls
from smbquic.transport.quic.tls_context import HandshakeSettings


def _client(
    trust: ClientTls,
    server_name: str,
    options: QuicOptions,
    verify: Verify | None,
    resumption: Resumption | None,
) -> MakeEngine:
    from smbquic.transport.quic.qh3.configuration import client_configuration
    from smbquic.transport.quic.qh3.engine import Qh3Engine

    configuration = client_configuration(trust, server_name, options)
    settings = HandshakeSettings(verify=verify, resumption=resumption)
    return partial(Qh3Engine, configuration, settings, None)


def _server(identity: ServerTls | CertificatesByName, options: QuicOptions) -> MakeEngine:
    from smbquic.transport.quic.qh3.configuration import server_configuration
    from smbquic.transport.quic.qh3.engine import Qh3Engine
    from smbquic.transport.quic.qh3.send_queue import SendMemory

    assert isinstance(identity, ServerTls), "the registry takes qh3 only for one certificate"
    settings = HandshakeSettings(
        tickets=identity.ticket_issuer(options.tickets, options.keys.tickets)
    )
    return partial(Qh3Engine, server_configuration(identity, options), settings, SendMemory())


QH3 = EnginePlugin(
    "qh3",
    "qh3",
    EngineCapabilities(
        # The library's own; another one cannot be chosen.
        congestion=frozenset({"cubic"}),
        groups=frozenset(GROUPS),
        client_certificates=False,
        certificate_by_name=False,
        # It sends packets to such a client with the ID that the client chose for the server.
        zero_length_ids=False,
        version_2=True,
        any_group=False,
        qlog=True,
    ),
    _client,
    _server,
)
