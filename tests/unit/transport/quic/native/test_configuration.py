"""The files that the native engine is given."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from smbquic.errors import HandshakeError
from smbquic.pki import PkiDirectory
from smbquic.transport.quic.native.configuration import client, server
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.tls import ClientTls, ServerTls

OPTIONS = QuicOptions(engine="native")


def test_a_key_with_a_password_is_refused(pki: PkiDirectory, tmp_path: Path) -> None:
    key = load_pem_private_key(pki.server.key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    encryption = BestAvailableEncryption(b"secret")
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    with pytest.raises(HandshakeError, match=r"locked\.key do not hold .*: the key has a password"):
        server(ServerTls(pki.server.certificate, locked), OPTIONS)


def test_the_key_of_another_certificate_is_refused(pki: PkiDirectory) -> None:
    with pytest.raises(HandshakeError, match="do not hold a certificate and its key") as caught:
        server(ServerTls(pki.server.certificate, pki.client.key), OPTIONS)
    assert caught.value.reason == "certificate-file"


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        client(ClientTls(ca=tmp_path / "none.pem"), "fs.example", OPTIONS, None, None)
