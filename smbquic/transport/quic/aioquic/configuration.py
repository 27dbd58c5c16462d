"""The settings of aioquic for our options, and the files that it is given."""

import ssl
from pathlib import Path
from typing import Any

from aioquic import tls
from aioquic.quic.logger import QuicFileLogger

from smbquic.errors import HandshakeError
from smbquic.options.quic import CIPHERS, GROUPS
from smbquic.transport.quic.aioquic.connection import AioquicConfiguration
from smbquic.transport.quic.aioquic.tls import ChooseCertificate, ServerIdentity
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.packet import CONNECTION_ID_SIZE
from smbquic.transport.quic.tls import (
    ALPN,
    CertificatesByName,
    ClientTls,
    ServerTls,
    certificates_in,
    pem,
    source_name,
    system_trust,
    unusable_identity,
)

_GROUPS = ("P-256", "P-384", "X25519")


def client_configuration(
    trust: ClientTls, server_name: str, options: QuicOptions
) -> AioquicConfiguration:
    """Return the settings of a client. Raises `OSError` and `HandshakeError` for its files."""
    configuration = _configuration(options, is_client=True)
    configuration.server_name = server_name
    if trust.insecure or trust.verify is not None:
        configuration.verify_mode = ssl.CERT_NONE
    elif trust.ca is not None:
        configuration.cadata = certificates_in(trust.ca)
    else:
        configuration.cafile, configuration.capath = system_trust()
    if trust.certificate is not None and trust.key is not None:
        load_identity(configuration, trust.certificate, trust.key)
    return configuration


def server_configuration(identity: ServerTls, options: QuicOptions) -> AioquicConfiguration:
    """Return the settings of a server. Raises `OSError` and `HandshakeError` for its files."""
    configuration = _configuration(options, is_client=False)
    load_identity(configuration, identity.certificate, identity.key)
    return configuration


def _configuration(options: QuicOptions, *, is_client: bool) -> AioquicConfiguration:
    configuration = AioquicConfiguration(
        alpn_protocols=[ALPN],
        congestion_control_algorithm=options.congestion,
        connection_id_length=CONNECTION_ID_SIZE,
        idle_timeout=options.idle_timeout,
        is_client=is_client,
        max_data=options.window,
        max_stream_data=options.window,
        secrets_log_file=options.secrets_log,
        cipher_suites=[tls.CipherSuite(CIPHERS[name]) for name in options.tls_ciphers],
        groups=tuple(tls.Group(GROUPS[name]) for name in options.tls_groups or _GROUPS),
    )
    if options.qlog is not None:
        configuration.quic_logger = QuicFileLogger(str(options.qlog))
    return configuration


def certificates_by_name(names: CertificatesByName, options: QuicOptions) -> ChooseCertificate:
    """Return what finds the certificate for a name. Raises as `server_configuration` does."""
    made = {
        id(identity): ServerIdentity(
            server_configuration(identity, options),
            identity.verify,
            identity.ticket_issuer(options.tickets, options.keys.tickets),
        )
        for identity in names.all
    }

    def choose(name: str) -> ServerIdentity | None:
        identity = names.find(name)
        return made[id(identity)] if identity is not None else None

    return choose


def load_identity(
    configuration: AioquicConfiguration, certificate: Path | bytes, key: Path | bytes
) -> None:
    """Read a certificate and its key into a configuration; raises as `server_configuration`."""
    where, key_where = source_name(certificate, "certificate"), source_name(key, "key")
    try:
        leaf, *chain = tls.load_pem_x509_certificates(certificates_in(certificate))
        private_key = tls.load_pem_private_key(pem(key))
    except (ValueError, TypeError) as error:
        # TypeError is how the library says that the key has a password.
        raise unusable_identity(certificate, key, error) from error
    if private_key.public_key() != leaf.public_key():
        raise HandshakeError(
            f"the key in {key_where} does not belong to the certificate in {where}",
            "certificate-file",
        )
    if not _can_sign(private_key):
        raise HandshakeError(
            f"the key in {key_where} is of a kind that handshakes cannot be signed with here: "
            "use ECDSA on P-256 or P-384, or RSA",
            "unsupported-key",
        )
    configuration.certificate = leaf
    configuration.certificate_chain = chain
    configuration.private_key = private_key


def _can_sign(key: Any) -> bool:
    """Return whether the library can sign with a key; if not, its client shows no certificate."""
    context = tls.Context(is_client=True)
    context.certificate_private_key = key
    return bool(context._signature_algorithms_for_private_key())
