"""Certificates with any names, which nobody issued."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

MakeCertificate = Callable[..., x509.Certificate]


@pytest.fixture(scope="session")
def make_certificate() -> MakeCertificate:
    """Makes a self-signed certificate with alternative names and a common name."""
    key = ec.generate_private_key(ec.SECP256R1())

    def make(*names: x509.GeneralName, common_name: str = "Alice [IT]") -> x509.Certificate:
        name = x509.Name(
            [
                x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example, Inc."),
                x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name),
            ]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(datetime.now(UTC))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(key, hashes.SHA256())

    return make
