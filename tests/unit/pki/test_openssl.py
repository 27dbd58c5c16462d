"""Reference implementations that share no code with us: openssl, and the ssl module."""

import os
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from smbquic.pki import CertificateFiles, Fault, FaultyPki, KeyType, PkiDirectory, Purpose, init
from smbquic.pki.checks import CertificateError, Reason
from smbquic.pki.files import load_certificates
from smbquic.pki.verification import Trust, verify

PROFILE = Path(__file__).parents[3] / "certs" / "profile.cnf"


def openssl(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["openssl", *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def openssl_verify(
    certificate: Path, ca: Path, purpose: Purpose, *options: object
) -> subprocess.CompletedProcess[str]:
    """The leaf against the root, with the leaf's own file as the source of intermediates."""
    return openssl(
        "verify",
        "-x509_strict",
        "-auth_level",
        "2",
        "-purpose",
        f"ssl{purpose}",
        "-CAfile",
        ca,
        "-untrusted",
        certificate,
        *options,
        certificate,
    )


@pytest.mark.debian("openssl")
@pytest.mark.parametrize("key_type", list(KeyType))
def test_openssl_accepts_what_init_makes(key_type: KeyType, tmp_path: Path) -> None:
    pki = init(tmp_path / "pki", names=["fs.example", "192.0.2.7"], key_type=key_type)
    crl = ("-crl_check_all", "-CRLfile", pki.crl)
    for option, name in [
        ("-verify_hostname", "fs.example"),
        ("-verify_hostname", "localhost"),
        ("-verify_ip", "127.0.0.1"),
        ("-verify_ip", "::1"),
        ("-verify_ip", "192.0.2.7"),
    ]:
        done = openssl_verify(pki.server.certificate, pki.ca, Purpose.SERVER, *crl, option, name)
        assert done.returncode == 0, done.stderr
    done = openssl_verify(pki.client.certificate, pki.ca, Purpose.CLIENT, *crl)
    assert done.returncode == 0, done.stderr


@pytest.mark.debian("openssl")
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.EXPIRED, "certificate has expired"),
        (Fault.NOT_YET_VALID, "certificate is not yet valid"),
        (Fault.WRONG_NAME, "hostname mismatch"),
        (Fault.UNKNOWN_CA, "unable to get local issuer certificate"),
        (Fault.SELF_SIGNED, "self-signed certificate"),
        (Fault.WRONG_USAGE, "unsuitable certificate purpose"),
        (Fault.RSA_1024, "EE certificate key too weak"),
        (Fault.REVOKED, "certificate revoked"),
    ],
)
def test_openssl_refuses_each_fault(fault: Fault, said: str, bad_pki: FaultyPki) -> None:
    done = openssl_verify(
        bad_pki.server(fault).certificate,
        bad_pki.ca,
        Purpose.SERVER,
        "-verify_hostname",
        "localhost",
        *(("-crl_check", "-CRLfile", bad_pki.crl) if fault is Fault.REVOKED else ()),
    )
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.debian("openssl")
@pytest.mark.parametrize("purpose", list(Purpose))
def test_the_profile_and_the_code_agree(
    purpose: Purpose, pki: PkiDirectory, tmp_path: Path
) -> None:
    made = issue_by_profile(tmp_path, purpose.value)
    ours = {
        "root": pki.ca,
        "intermediate": pki.intermediate,
        "server": pki.server.certificate,
        "client": pki.client.certificate,
    }
    for section, files in made.items():
        (theirs,) = load_certificates(files.certificate)
        assert extensions(theirs) == extensions(load_certificates(ours[section])[0]), section
        assert theirs.signature_algorithm_oid == x509.SignatureAlgorithmOID.ECDSA_WITH_SHA256

    chain = [
        load_certificates(made[section].certificate)[0].public_bytes(Encoding.DER)
        for section in (purpose.value, "intermediate")
    ]
    assert len(verify(chain, purpose, Trust.load(made["root"].certificate))) == 3


@pytest.mark.debian("openssl")
@pytest.mark.parametrize("weak", ["intermediate", "server"])
def test_sha1_is_refused(weak: str, tmp_path: Path) -> None:
    # The library that we sign with refuses to make such a certificate.
    made = issue_by_profile(tmp_path, "server", sha1=weak)
    chain = [
        load_certificates(made[section].certificate)[0].public_bytes(Encoding.DER)
        for section in ("server", "intermediate")
    ]
    with pytest.raises(CertificateError, match=f"'{weak}' is signed with SHA1") as caught:
        verify(chain, Purpose.SERVER, Trust.load(made["root"].certificate))
    assert caught.value.reason == Reason.WEAK_SIGNATURE


def issue_by_profile(
    directory: Path, leaf: str, *, sha1: str | None = None
) -> dict[str, CertificateFiles]:
    """A root, an intermediate and a leaf, made by openssl; one of them with SHA-1 if told."""
    made: dict[str, CertificateFiles] = {}
    issuer: CertificateFiles | None = None
    for section in ("root", "intermediate", leaf):
        files = CertificateFiles(directory / f"{section}.pem", directory / f"{section}.key")
        signer = ("-CA", issuer.certificate, "-CAkey", issuer.key) if issuer else ()
        done = openssl(
            *("req", "-x509", "-config", PROFILE, "-extensions", section),
            *("-subj", f"/O=smbquic/CN={section}", "-days", 30),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"),
            *("-keyout", files.key, "-out", files.certificate),
            *signer,
            *(("-sha1",) if section == sha1 else ()),
            SAN="DNS:localhost,IP:127.0.0.1,IP:::1,DNS:fs.example",
        )
        assert done.returncode == 0, done.stderr
        made[section] = issuer = files
    return made


def extensions(certificate: x509.Certificate) -> dict[str, tuple[bool, object]]:
    """Return the text of each extension; key identifiers, which differ by nature, left out."""
    identifiers = (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier)
    return {
        each.oid.dotted_string: (
            each.critical,
            None
            if isinstance(each.value, identifiers)
            else set(each.value)
            if isinstance(each.value, x509.SubjectAlternativeName)
            else each.value,
        )
        for each in certificate.extensions
    }


def handshake(
    server: CertificateFiles,
    ca: Path,
    *,
    name: str = "localhost",
    client: CertificateFiles | None = None,
    crl: Path | None = None,
) -> str:
    """A TLS 1.3 handshake in memory; the cipher of it, or `ssl.SSLError`."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(server.certificate, server.key)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.load_verify_locations(ca)
    verifying = client_context
    if client is not None:
        server_context.verify_mode = ssl.CERT_REQUIRED
        server_context.load_verify_locations(ca)
        client_context.load_cert_chain(client.certificate, client.key)
        verifying = server_context
    verifying.verify_flags |= ssl.VERIFY_X509_STRICT
    if crl is not None:
        verifying.load_verify_locations(crl)
        verifying.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client_context.wrap_bio(to_client, to_server, server_hostname=name),
        server_context.wrap_bio(to_server, to_client, server_side=True),
    ]
    done: set[ssl.SSLObject] = set()
    while len(done) < len(ends):
        for end in ends:
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue
    chosen = ends[0].cipher()
    assert chosen is not None
    return chosen[0]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "fs.example"])
def test_a_handshake_succeeds_for_every_name(name: str, pki: PkiDirectory) -> None:
    assert handshake(pki.server, pki.ca, name=name, crl=pki.crl).startswith("TLS_")


def test_a_handshake_with_a_client_certificate(pki: PkiDirectory) -> None:
    assert handshake(pki.server, pki.ca, client=pki.client, crl=pki.crl).startswith("TLS_")


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.RSA_1024])
def test_a_handshake_fails_for_each_faulty_server(fault: Fault, bad_pki: FaultyPki) -> None:
    crl = bad_pki.crl if fault is Fault.REVOKED else None
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(bad_pki.server(fault), bad_pki.ca, crl=crl)


@pytest.mark.parametrize(
    "fault", [fault for fault in Fault if fault not in {Fault.RSA_1024, Fault.WRONG_NAME}]
)
def test_a_handshake_fails_for_each_faulty_client(
    fault: Fault, pki: PkiDirectory, bad_pki: FaultyPki
) -> None:
    crl = bad_pki.crl if fault is Fault.REVOKED else None
    with pytest.raises(ssl.SSLError):
        handshake(pki.server, pki.ca, client=bad_pki.client(fault), crl=crl)
