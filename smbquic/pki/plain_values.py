"""Certificates of a server, with keys and access rules, as plain values for another process.

The main process has read them, maybe as root or with a password. Its workers need not be able to,
and they never have others than the main process.
"""

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from smbquic.pki.access import ClientAccess, Rules
from smbquic.pki.server_certificate import ServerCertificate
from smbquic.pki.verification import Trust
from smbquic.transport.quic.tls import CertificatesByName, ServerTls


def encode(identities: Sequence[ServerCertificate]) -> list[dict[str, Any]]:
    """Return plain values, ready for JSON."""
    return [
        {
            "names": list(each.names),
            "default": each.files.default,
            "certificate": each.credential.certificate_pem.decode(),
            "key": each.credential.key_pem.decode(),
            "clients": None if each.access is None else _clients(each, each.access),
        }
        for each in identities
    ]


def _clients(identity: ServerCertificate, access: ClientAccess) -> dict[str, Any]:
    files = identity.files
    return {
        "anchors": [_pem(each) for each in access.trust.anchors],
        "revocation_lists": [_pem(each) for each in access.trust.revocation_lists],
        "rules": None
        if access.rules is None
        else [list(files.allow or ()), list(files.deny or ())],
    }


def _pem(of: x509.Certificate | x509.CertificateRevocationList) -> str:
    return of.public_bytes(Encoding.PEM).decode()


def decode(values: Sequence[dict[str, Any]]) -> CertificatesByName:
    """Return the certificates by their names. Raises ValueError."""
    made = [(each, _tls(each)) for each in values]
    return CertificatesByName(
        {name: tls for each, tls in made for name in each["names"]},
        next((tls for each, tls in made if each["default"]), None),
    )


def _tls(value: dict[str, Any]) -> ServerTls:
    clients = value["clients"]
    verify = None
    if clients is not None:
        trust = Trust(
            tuple(x509.load_pem_x509_certificate(each.encode()) for each in clients["anchors"]),
            tuple(x509.load_pem_x509_crl(each.encode()) for each in clients["revocation_lists"]),
        )
        rules = clients["rules"]
        verify = ClientAccess(trust, None if rules is None else Rules.parse(*rules)).authorize
    return ServerTls(value["certificate"].encode(), value["key"].encode(), verify=verify)
