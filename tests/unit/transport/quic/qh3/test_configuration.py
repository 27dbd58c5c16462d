"""The settings of qh3, and the files that it is given."""

import io
import ssl
from pathlib import Path

import pytest
from qh3.quic.logger import QuicFileLogger
from qh3.tls import CipherSuite, Group

from smbquic.errors import HandshakeError
from smbquic.pki import PkiDirectory
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.qh3 import configuration as module
from smbquic.transport.quic.qh3.configuration import client_configuration, server_configuration
from smbquic.transport.quic.tls import ClientTls, ServerTls
from tests.pem import begin, pem

pytestmark = pytest.mark.engine("qh3")


def test_the_options_reach_the_library(pki: PkiDirectory, tmp_path: Path) -> None:
    secrets = io.StringIO()
    options = QuicOptions(
        tls_ciphers=("AES-256-GCM",),
        tls_groups=("P-256", "X25519"),
        idle_timeout=7.0,
        window=1 << 20,
        secrets_log=secrets,
        qlog=tmp_path,
    )
    client = client_configuration(ClientTls(ca=pki.ca), "fs.example", options)
    server = server_configuration(ServerTls(pki.server.certificate, pki.server.key), options)

    assert (client.is_client, server.is_client) == (True, False)
    assert (client.server_name, server.server_name) == ("fs.example", None)
    for each in (client, server):
        assert each.cipher_suites == [CipherSuite.AES_256_GCM_SHA384]
        assert each.groups == (Group.SECP256R1, Group.X25519)
        assert (each.idle_timeout, each.max_data, each.max_stream_data) == (7.0, 1 << 20, 1 << 20)
        assert each.secrets_log_file is secrets
        assert isinstance(each.quic_logger, QuicFileLogger)
        assert (each.alpn_protocols, each.connection_id_length) == (["smb"], 8)
        assert each.supported_versions == [1, 0x6B3343CF]
        assert each.offer_ec_key_shares


def test_nothing_is_logged_unless_asked_for(pki: PkiDirectory) -> None:
    configuration = client_configuration(ClientTls(ca=pki.ca), "fs.example", QuicOptions())

    assert configuration.quic_logger is None
    assert configuration.secrets_log_file is None


def test_whom_a_client_trusts(pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "system_trust", lambda: ("file.pem", "folder"))
    options = QuicOptions()
    system = client_configuration(ClientTls(), "fs.example", options)
    assert (system.cafile, system.capath, system.cadata) == ("file.pem", None, None)
    assert system.verify_mode is None
    own = client_configuration(ClientTls(ca=pki.ca), "fs.example", options)
    assert own.cadata == pki.ca.read_bytes()
    assert (own.cafile, own.verify_mode) == (None, None)
    for trust in (ClientTls(insecure=True), ClientTls(ca=pki.ca, verify=lambda chain, name: None)):
        verified_here = client_configuration(trust, "fs.example", options)
        assert verified_here.verify_mode == ssl.CERT_NONE
        assert (verified_here.cafile, verified_here.cadata) == (None, None)


def test_a_client_may_have_a_certificate(pki: PkiDirectory) -> None:
    files = pki.client
    trust = ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key)

    assert client_configuration(trust, "fs.example", QuicOptions()).certificate is not None
    bare = client_configuration(ClientTls(ca=pki.ca), "fs.example", QuicOptions())
    assert bare.certificate is None


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "there is no private key in PEM form"),
        ("nothing at all", "there is no private key in PEM form"),
        (pem("PRIVATE KEY", "AAAA"), ""),
        (begin("PRIVATE KEY") + "never ends", ""),
        (pem("ENCRYPTED PRIVATE KEY", "MA=="), "the key has a password"),
    ],
)
def test_a_file_without_a_key(pki: PkiDirectory, tmp_path: Path, key: str, words: str) -> None:
    path = tmp_path / "server.key"
    path.write_text(key)
    with pytest.raises(
        HandshakeError, match=rf"do not hold a certificate and its key: .*{words}"
    ) as caught:
        server_configuration(ServerTls(pki.server.certificate, path), QuicOptions())

    assert caught.value.reason == "certificate-file"


def test_a_file_without_a_certificate(pki: PkiDirectory) -> None:
    with pytest.raises(HandshakeError, match="holds no certificate in PEM form"):
        server_configuration(ServerTls(pki.server.key, pki.server.key), QuicOptions())


def test_a_file_that_is_missing(pki: PkiDirectory, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        server_configuration(ServerTls(pki.server.certificate, tmp_path / "none"), QuicOptions())
