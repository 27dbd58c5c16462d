"""Certificates with their rules, there and back as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from smbquic.options.certificate import IdentityFiles
from smbquic.pki import PkiDirectory, init, plain_values
from smbquic.pki.access import AccessDenied
from smbquic.pki.checks import CertificateError
from smbquic.pki.container import ders, read_certificates
from smbquic.pki.issuing import revoke
from smbquic.pki.reload import ServerCertificates
from smbquic.transport.quic.tls import CertificatesByName


def sent(pki: PkiDirectory, **more: Any) -> tuple[ServerCertificates, CertificatesByName]:
    """The certificates of a server, and what a worker makes of them."""
    server = pki.server
    files = IdentityFiles(certificate=server.certificate, key=server.key, **more)
    made = ServerCertificates([files])
    return made, plain_values.decode(json.loads(json.dumps(plain_values.encode(made.identities))))


def chain(pki: PkiDirectory) -> list[bytes]:
    return ders(read_certificates(pki.client.certificate))


def test_names_certificates_and_keys(pki: PkiDirectory) -> None:
    made, found = sent(pki, names=["fs.example", "*.lab.example"])
    assert found.by_name.keys() == {"fs.example", "*.lab.example"}
    assert found.default is None
    assert found.by_name["fs.example"] == made.names.by_name["fs.example"]
    assert found.by_name["fs.example"].verify is None


def test_the_default(pki: PkiDirectory) -> None:
    _, found = sent(pki, default=True)
    assert found.default is not None
    assert found.all == (found.default,)


def test_any_client_of_an_authority(pki: PkiDirectory) -> None:
    _, found = sent(pki, default=True, client_ca=pki.ca)
    assert found.default is not None
    assert found.default.verify is not None
    found.default.verify(chain(pki))


@pytest.mark.parametrize("rules", [{"allow": []}, {"allow": ["san:*"], "deny": ["subject:*"]}])
def test_access_rules(pki: PkiDirectory, rules: dict[str, list[str]]) -> None:
    made, found = sent(pki, default=True, client_ca=pki.ca, **rules)
    assert found.default is not None
    assert found.default.verify is not None
    with pytest.raises(AccessDenied) as denied:
        found.default.verify(chain(pki))
    assert denied.value.decision == made.decide("", chain(pki))


def test_revocation_lists(tmp_path: Path) -> None:
    pki = init(tmp_path / "pki")
    revoke(pki, read_certificates(pki.client.certificate)[0])
    _, found = sent(pki, default=True, client_ca=pki.ca, client_crl=pki.crl)
    assert found.default is not None
    assert found.default.verify is not None
    with pytest.raises(CertificateError, match="revoked"):
        found.default.verify(chain(pki))
