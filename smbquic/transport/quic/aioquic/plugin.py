"""What the registry knows of aioquic: it can do everything, slowly."""

from functools import partial

from smbquic.options.quic import GROUPS, POST_QUANTUM
from smbquic.transport.quic.engine import Verify
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.plugin import Capabilities, EnginePlugin, MakeEngine
from smbquic.transport.quic.tickets import Resumption
from smbquic.transport.quic.tls import ClientTls, ServerNames, ServerTls


def _client(
    trust: ClientTls,
    server_name: str,
    options: QuicOptions,
    verify: Verify | None,
    resumption: Resumption | None,
) -> MakeEngine:
    from smbquic.transport.quic.aioquic.configuration import client_configuration
    from smbquic.transport.quic.aioquic.engine import AioquicEngine

    configuration = client_configuration(trust, server_name, options)
    return partial(AioquicEngine, configuration, verify=verify, resumption=resumption)


def _server(identity: ServerTls | ServerNames, options: QuicOptions) -> MakeEngine:
    from smbquic.transport.quic.aioquic.configuration import by_name, server_configuration
    from smbquic.transport.quic.aioquic.engine import AioquicEngine

    if isinstance(identity, ServerNames):
        pick = by_name(identity, options)
        # What is common to all of them: the certificate is chosen when the client has asked.
        configuration = server_configuration(identity.all[0], options)
        return partial(AioquicEngine, configuration, pick=pick)
    return partial(
        AioquicEngine,
        server_configuration(identity, options),
        verify=identity.verify,
        tickets=identity.ticket_store(options.tickets),
    )


AIOQUIC = EnginePlugin(
    "aioquic",
    Capabilities(
        congestion=frozenset({"cubic", "reno", "bbr"}),
        groups=frozenset(GROUPS) - {POST_QUANTUM},
        client_certificates=True,
        certificate_by_name=True,
        zero_length_ids=True,
        any_group=True,
    ),
    _client,
    _server,
)
