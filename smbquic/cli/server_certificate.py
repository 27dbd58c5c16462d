"""The certificate of `smbquic serve`: from the command line, or from a private CA."""

import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from smbquic.api.listen import ListenAddress
from smbquic.cli.announcement import outside_address
from smbquic.cli.output import warn
from smbquic.config import Configuration
from smbquic.errors import PkiError
from smbquic.options.certificate import IdentityFiles
from smbquic.pki.access import Rules
from smbquic.pki.acme.store import AcmeStore
from smbquic.pki.checks import CertificateError
from smbquic.pki.container import ders, read_certificates
from smbquic.pki.directory import PkiDirectory
from smbquic.pki.private import ensure_private_ca, user_data_directory
from smbquic.pki.subject import Purpose, general_name
from smbquic.pki.verification import Trust, verify
from smbquic.transport.addresses import is_ip_address, is_wildcard

Given = Mapping[str, Any]
"""The values of `IdentityFiles` that the command line gave."""


def certificates_of(
    settings: Configuration, given: Given, config_file: Path | None
) -> tuple[Sequence[IdentityFiles], Path | None]:
    """Return the certificates, and the CA that clients may not know yet.

    Those of the command line come before those of the file; without any, a private CA makes one.
    """
    if has_certificate(given):
        if settings.acme is not None and not settings.certificates:
            raise click.UsageError("--acme and --cert exclude each other: leave one out")
        files, ca = given_certificate(given)
        return (files,), ca
    if settings.certificates:
        if given:
            raise click.UsageError(f"{config_file} has certificates: write the access rules there")
        return settings.certificates, None
    if settings.acme is not None:
        _check_rules(given)
        file = AcmeStore(settings.acme).certificate
        return (IdentityFiles(certificate=file, key=file, default=True, **given),), None
    if not any(address.startswith("quic:") for address in settings.listen):
        return (), None
    names = (*settings.private_names, *_addresses(settings.listen))
    private, ca = private_certificate(given, names)
    return (private,), ca


def _addresses(listen: Iterable[str]) -> list[str]:
    """Return the IP addresses that are listened on, but for wildcards."""
    hosts = [(address.host, address.port) for address in map(ListenAddress.parse, listen)]
    return [host[0] for host in hosts if is_ip_address(host[0]) and not is_wildcard(host)]


def has_certificate(given: Given) -> bool:
    """Return whether the command line has options about the server's own certificate."""
    return not given.keys().isdisjoint(("certificate", "key", "password_file"))


def given_certificate(given: Given) -> tuple[IdentityFiles, Path | None]:
    """Return the certificate of the command line, and the CA that issued it, if it is known."""
    if "certificate" not in given:
        raise click.UsageError("--key and --key-password-file need a certificate: add --cert")
    _check_rules(given)
    return IdentityFiles(default=True, **given), authority_beside(given["certificate"])


def private_certificate(given: Given, names: Iterable[str]) -> tuple[IdentityFiles, Path]:
    """Return a certificate of the private CA, and the CA's own; make the CA if there is none."""
    _check_rules(given)
    pki = ensure_private_ca(user_data_directory(), certificate_names(names))
    server = pki.server
    files = IdentityFiles(certificate=server.certificate, key=server.key, default=True, **given)
    return files, pki.ca


def _check_rules(given: Given) -> None:
    about_clients = ("allow", "deny", "client_crl")
    if "client_ca" not in given and not given.keys().isdisjoint(about_clients):
        raise click.UsageError("--allow, --deny and --client-crl need --client-ca")
    try:
        Rules.parse(given.get("allow", ()), given.get("deny", ()))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def authority_beside(certificate: Path) -> Path | None:
    """Return the root in the certificate's folder, if it has issued the certificate."""
    root = PkiDirectory(certificate.parent).ca
    try:
        verify(ders(read_certificates(certificate)), Purpose.SERVER, Trust.load(root))
    except (PkiError, CertificateError):
        return None
    return root.absolute()


def certificate_names(given: Iterable[str]) -> Sequence[str]:
    """Return the names for a new certificate: those that were given, and the machine's own.

    The machine's own name is left out if it is not a DNS name.
    """
    given = tuple(given)
    for name in given:
        if not _is_name(name):
            raise click.UsageError(f"--name {name}: this is neither a DNS name nor an IP address")
    machine = {socket.gethostname(), socket.getfqdn()}
    own = set(filter(_is_name, machine))
    if not own and not given:
        called = " or ".join(sorted(machine))
        warn(f"this machine is called {called}, which is not a DNS name: add --name NAME")
    addresses = map(outside_address, (socket.AF_INET, socket.AF_INET6))
    return sorted(own.union(given, filter(None, addresses)))


def _is_name(name: str) -> bool:
    try:
        general_name(name)
    except ValueError:
        return False
    return True
