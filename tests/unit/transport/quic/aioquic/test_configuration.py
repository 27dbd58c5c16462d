"""The settings of aioquic, and the files that it is given."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from smbquic.errors import HandshakeError
from smbquic.pki import PkiDirectory, Purpose, Validity
from smbquic.pki.authority import self_signed
from smbquic.pki.files import load_certificates
from smbquic.pki.subject import now_utc
from smbquic.transport.quic.aioquic import configuration as module
from smbquic.transport.quic.aioquic.configuration import client_configuration, server_configuration
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.tls import CertificatesByName, ClientTls, ServerTls
from tests.pem import pem


def test_a_key_must_belong_to_its_certificate(pki: PkiDirectory) -> None:
    with pytest.raises(HandshakeError, match="does not belong") as caught:
        server_configuration(ServerTls(pki.server.certificate, pki.client.key), QuicOptions())

    assert caught.value.reason == "certificate-file"


def test_a_key_must_be_able_to_sign() -> None:
    key = ec.generate_private_key(ec.SECP521R1())
    made = self_signed(Purpose.CLIENT, "large", key, Validity.starting(now_utc(), 1))
    with pytest.raises(HandshakeError, match="use ECDSA on P-256 or P-384, or RSA") as caught:
        server_configuration(ServerTls(made.certificate_pem, made.key_pem), QuicOptions())

    assert caught.value.reason == "unsupported-key"


@pytest.mark.parametrize(
    "key",
    [
        "nothing at all",
        pem("PRIVATE KEY", "AAAA"),
        pem("ENCRYPTED PRIVATE KEY", "MA=="),
    ],
)
def test_a_file_without_a_key(pki: PkiDirectory, tmp_path: Path, key: str) -> None:
    path = tmp_path / "server.key"
    path.write_text(key)
    with pytest.raises(HandshakeError, match=r"do not hold a certificate and its key"):
        server_configuration(ServerTls(pki.server.certificate, path), QuicOptions())


def test_a_file_that_is_missing(pki: PkiDirectory, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        server_configuration(ServerTls(pki.server.certificate, tmp_path / "none"), QuicOptions())


def test_certificates_may_have_text_around_them_and_foreign_line_ends(
    pki: PkiDirectory, tmp_path: Path
) -> None:
    path = tmp_path / "server.pem"
    pem = pki.server.certificate.read_bytes()
    path.write_bytes(b"Certificate:\n  Data: ...\n" + pem.replace(b"\n", b"\r\n") + b"\n\nthe end")
    configuration = server_configuration(ServerTls(path, pki.server.key), QuicOptions())

    assert len(configuration.certificate_chain) == 1


def test_a_client_without_a_ca_trusts_what_the_system_trusts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "system_trust", lambda: ("file.pem", "folder"))
    configuration = client_configuration(ClientTls(), "fs.example", QuicOptions())

    assert (configuration.cafile, configuration.capath) == ("file.pem", "folder")
    assert configuration.verify_mode is None


def test_a_certificate_is_found_by_its_name(pki: PkiDirectory) -> None:
    def verify(chain: list[bytes]) -> None: ...

    one = ServerTls(pki.server.certificate, pki.server.key, verify=verify)
    other = ServerTls(pki.client.certificate, pki.client.key)
    choose = module.certificates_by_name(
        CertificatesByName({"fs.example": one, "*.example": other}), QuicOptions()
    )
    found, wild = choose("FS.example"), choose("other.example")
    assert found is not None
    assert wild is not None
    leaf = load_certificates(pki.server.certificate)[0]
    assert found.configuration.certificate == leaf
    assert wild.configuration.certificate != leaf
    assert (found.verify, wild.verify) == (verify, None)
    assert choose("elsewhere.test") is None
