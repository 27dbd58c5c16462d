import hashlib
import ssl

import pytest

from smbquic.pki import PkiDirectory
from smbquic.pki.channel import server_end_point


def test_it_is_the_hash_of_the_certificates_own_signature(pki: PkiDirectory) -> None:
    first = pki.server.certificate.read_text().partition("-----END CERTIFICATE-----")
    leaf = ssl.PEM_cert_to_DER_cert(first[0] + first[1] + "\n")
    assert server_end_point(leaf) == b"tls-server-end-point:" + hashlib.sha256(leaf).digest()


@pytest.mark.parametrize("data", [b"", b"no certificate"])
def test_what_is_no_certificate_gives_none(data: bytes) -> None:
    assert server_end_point(data) == b""
