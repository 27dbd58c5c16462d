"""What binds a logon to the TLS connection that it goes over."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

_PREFIX = b"tls-server-end-point:"
_WEAK = (hashes.MD5, hashes.SHA1)


def server_end_point(certificate: bytes) -> bytes:
    """Return the channel binding of a server's certificate (DER), with its prefix. [RFC 5929] 4.1

    The hash is that of the certificate's signature, SHA-256 in place of older ones; and where the
    signature has none of its own, as with Ed25519, which the standard leaves open. Empty for what
    cannot be read.
    """
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    except ValueError:
        return b""
    if algorithm is None or isinstance(algorithm, _WEAK):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return _PREFIX + digest.finalize()
