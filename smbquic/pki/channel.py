"""The channel binding, which ties a logon to its TLS connection. [RFC 5929]"""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

_PREFIX = b"tls-server-end-point:"
_WEAK = (hashes.MD5, hashes.SHA1)


def server_end_point(certificate: bytes) -> bytes:
    """Return the channel binding of a server's certificate (DER), with its prefix. [RFC 5929] 4.1

    The hash is that of the certificate's signature, with SHA-256 in place of MD5 and SHA-1. SHA-256
    is also used for a signature without a separate hash, such as Ed25519, which the standard leaves
    open. The result is empty for a certificate that cannot be parsed.
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
