"""What the registry knows of qh3: it is fast, and some things a server needs are missing."""

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

    assert isinstance(identity, ServerTls), "the registry knows that there is one certificate"
    settings = HandshakeSettings(tickets=identity.ticket_store(options.tickets))
    return partial(Qh3Engine, server_configuration(identity, options), settings, SendMemory())


QH3 = EnginePlugin(
    "qh3",
    EngineCapabilities(
        # The library's own: it lets nobody choose another one.
        congestion=frozenset({"cubic"}),
        groups=frozenset(GROUPS),
        client_certificates=False,
        certificate_by_name=False,
        # What it sends to such a client has the ID that the client made up for the server.
        zero_length_ids=False,
        any_group=False,
    ),
    _client,
    _server,
)
