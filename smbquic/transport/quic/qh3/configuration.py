"""The settings of qh3 for our options, and the files that it is given."""

import ssl
from pathlib import Path

from qh3._hazmat import X25519KeyExchange
from qh3.quic.logger import QuicFileLogger
from qh3.quic.packet import QuicProtocolVersion
from qh3.tls import CipherSuite, Group

from smbquic.options.quic import CIPHERS, GROUPS
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.packet import CONNECTION_ID_SIZE
from smbquic.transport.quic.qh3.connection import CONNECTION_IDS, Qh3Configuration
from smbquic.transport.quic.tls import (
    ALPN,
    ClientTls,
    ServerTls,
    certificates_in,
    pem,
    system_trust,
    unusable_identity,
)


def client_configuration(
    trust: ClientTls, server_name: str, options: QuicOptions
) -> Qh3Configuration:
    """Return the settings of a client. Raises `OSError` and `HandshakeError` for its files."""
    configuration = _configuration(options, is_client=True)
    configuration.server_name = server_name
    if trust.insecure or trust.verify is not None:
        configuration.verify_mode = ssl.CERT_NONE
    elif trust.ca is not None:
        configuration.cadata = certificates_in(trust.ca)
    else:
        # The library fails on subfolders of a folder.
        configuration.cafile, _ = system_trust()
    if trust.certificate is not None and trust.key is not None:
        _load_identity(configuration, trust.certificate, trust.key)
    return configuration


def server_configuration(identity: ServerTls, options: QuicOptions) -> Qh3Configuration:
    """Return the settings of a server. Raises `OSError` and `HandshakeError` for its files."""
    configuration = _configuration(options, is_client=False)
    _load_identity(configuration, identity.certificate, identity.key)
    # The first key of a process takes 30 ms, in which its random numbers are seeded. No client
    # should wait for that.
    X25519KeyExchange()
    return configuration


def _load_identity(
    configuration: Qh3Configuration, certificate: Path | bytes, key: Path | bytes
) -> None:
    chain, private_key = certificates_in(certificate), pem(key)
    try:
        configuration.load_cert_chain(chain, _readable(private_key))
    except Exception as error:
        # The library's code in Rust has errors of many kinds.
        raise unusable_identity(certificate, key, error) from error


def _readable(key: bytes) -> bytes:
    """Return a private key in PEM; the library panics on anything else, which is no `Exception`."""
    if b"PRIVATE KEY-----" not in key:
        raise ValueError("there is no private key in PEM form")
    if b"ENCRYPTED" in key:
        raise ValueError("the key has a password")
    return key


def _configuration(options: QuicOptions, *, is_client: bool) -> Qh3Configuration:
    configuration = Qh3Configuration(
        active_connection_id_limit=CONNECTION_IDS,
        alpn_protocols=[ALPN],
        connection_id_length=CONNECTION_ID_SIZE,
        cipher_suites=[CipherSuite(CIPHERS[name]) for name in options.tls_ciphers],
        groups=tuple(Group(GROUPS[name]) for name in options.tls_groups),
        idle_timeout=options.idle_timeout,
        # A share for each group, and not for two only: the library does not support a server that
        # asks for another one (HelloRetryRequest, [RFC8446] 4.1.4).
        offer_ec_key_shares=True,
        is_client=is_client,
        max_data=options.window,
        max_stream_data=options.window,
        supported_versions=[QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2],
    )
    if options.secrets_log is not None:
        configuration.secrets_log_file = options.secrets_log
    if options.qlog is not None:
        configuration.quic_logger = QuicFileLogger(str(options.qlog))
    return configuration
