"""The settings of the native engine for our options, and the files that it is given."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from smbquic_native import ClientConfig, ServerConfig

from smbquic.errors import HandshakeError
from smbquic.transport.quic.engine import Verify
from smbquic.transport.quic.native.answers import Chosen
from smbquic.transport.quic.native.engine import ClientSide, NativeEngine, ServerSide
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.plugin import MakeEngine
from smbquic.transport.quic.tickets import Resumption
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


def client(
    trust: ClientTls,
    server_name: str,
    options: QuicOptions,
    verify: Verify | None,
    resumption: Resumption | None,
) -> MakeEngine:
    """Return what makes a client's engines. Raises `OSError` and `HandshakeError` for its files."""
    identity = None
    if trust.certificate is not None and trust.key is not None:
        identity = _read_identity(trust.certificate, trust.key)
    if verify is not None:
        judge, roots = "callback", b""
    elif trust.insecure:
        judge, roots = "nobody", b""
    else:
        judge, roots = "roots", _roots(trust.ca)
    try:
        config = ClientConfig(
            alpn=ALPN.encode(),
            ciphers=list(options.tls_ciphers),
            groups=list(options.tls_groups),
            verify=judge,
            roots=roots,
            certificate=identity.certificate if identity is not None else b"",
            key=identity.key if identity is not None else b"",
            secrets_log=_secrets_log(options),
        )
    except ValueError as error:
        raise _unusable(error, trust.certificate or trust.ca, trust.key) from error
    return partial(NativeEngine, ClientSide(config, server_name, verify, resumption), options)


def server(identity: ServerTls | CertificatesByName, options: QuicOptions) -> MakeEngine:
    """Return what makes a server's engines. Raises `OSError` and `HandshakeError` for its files."""
    names = identity if isinstance(identity, CertificatesByName) else None
    all_ = identity.all if isinstance(identity, CertificatesByName) else (identity,)
    made = {id(each): (_server_config(each, options), each.verify) for each in all_}

    def choose(name: str) -> Chosen | None:
        found = names.find(name) if names is not None else identity
        return made[id(found)] if found is not None else None

    return partial(NativeEngine, ServerSide(choose), options)


def _server_config(identity: ServerTls, options: QuicOptions) -> ServerConfig:
    contents = _read_identity(identity.certificate, identity.key)
    try:
        return ServerConfig(
            alpn=ALPN.encode(),
            ciphers=list(options.tls_ciphers),
            groups=list(options.tls_groups),
            certificate=contents.certificate,
            key=contents.key,
            ask=identity.verify is not None,
            ticket_key=identity.ticket_key(options.tickets, options.keys.tickets),
            always_tickets=options.tickets == "always",
            secrets_log=_secrets_log(options),
        )
    except ValueError as error:
        raise _unusable(error, identity.certificate, identity.key) from error


class _Contents(NamedTuple):
    """A certificate with its chain, and its key, in PEM."""

    certificate: bytes
    key: bytes


def _read_identity(certificate: Path | bytes, key: Path | bytes) -> _Contents:
    contents = _Contents(certificates_in(certificate), pem(key))
    if b"ENCRYPTED" in contents.key:
        raise _unusable(ValueError("the key has a password"), certificate, key)
    return contents


def _unusable(
    error: Exception, certificate: Path | bytes | None, key: Path | bytes | None
) -> HandshakeError:
    if certificate is None or key is None:
        where = source_name(certificate, "certificate") if certificate is not None else "the system"
        return HandshakeError(f"{where} has no certificates to trust: {error}", "certificate-file")
    return unusable_identity(certificate, key, error)


def _roots(ca: Path | None) -> bytes:
    """Return the trusted roots, those of the system if there are no others."""
    if ca is not None:
        return certificates_in(ca)
    file, _ = system_trust()
    return certificates_in(Path(file)) if file is not None else b""


def _secrets_log(options: QuicOptions) -> Callable[[str], object] | None:
    return options.secrets_log.write if options.secrets_log is not None else None
