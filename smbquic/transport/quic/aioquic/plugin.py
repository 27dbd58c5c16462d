"""The engine plug-in for aioquic: it can do nearly everything, and is slow."""

from functools import partial

from smbquic.options.quic import GROUPS, POST_QUANTUM
from smbquic.transport.quic.engine import Verify
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.plugin import EngineCapabilities, EnginePlugin, MakeEngine
from smbquic.transport.quic.tickets import Resumption
from smbquic.transport.quic.tls import CertificatesByName, ClientTls, ServerTls


def _client(
    trust: ClientTls,
    server_name: str,
    options: QuicOptions,
    verify: Verify | None,
    resumption: Resumption | None,
) -> MakeEngine:
    from smbquic.transport.quic.aioquic.configuration import client_configuration
    from smbquic.transport.quic.aioquic.engine import AioquicEngine
    from smbquic.transport.quic.tls_context import HandshakeSettings

    configuration = client_configuration(trust, server_name, options)
    settings = HandshakeSettings(verify=verify, resumption=resumption)
    return partial(AioquicEngine, configuration, settings, None)


def _server(identity: ServerTls | CertificatesByName, options: QuicOptions) -> MakeEngine:
    from smbquic.transport.quic.aioquic.configuration import (
        certificates_by_name,
        server_configuration,
    )
    from smbquic.transport.quic.aioquic.engine import AioquicEngine
    from smbquic.transport.quic.tls_context import HandshakeSettings

    if isinstance(identity, CertificatesByName):
        choose = certificates_by_name(identity, options)
        # The part that is common to all: the certificate is chosen when the client has asked.
        configuration = server_configuration(identity.all[0], options)
        return partial(AioquicEngine, configuration, HandshakeSettings(), choose)
    tickets = identity.ticket_issuer(options.tickets, options.keys.tickets)
    settings = HandshakeSettings(verify=identity.verify, tickets=tickets)
    return partial(AioquicEngine, server_configuration(identity, options), settings, None)


AIOQUIC = EnginePlugin(
    "aioquic",
    "aioquic",
    EngineCapabilities(
        congestion=frozenset({"cubic", "reno", "bbr"}),
        groups=frozenset(GROUPS) - {POST_QUANTUM},
        client_certificates=True,
        certificate_by_name=True,
        zero_length_ids=True,
        version_2=True,
        any_group=True,
        qlog=True,
    ),
    _client,
    _server,
)
