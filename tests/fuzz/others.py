"""Whatever else reads bytes from outside: frames, first datagrams, certificates, keys, files."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from smbquic import config
from smbquic.auth.users import UserStore
from smbquic.client import quic_versions
from smbquic.client.url import SmbUrl
from smbquic.errors import RemoteProtocolError, UrlError, UsersError
from smbquic.pki import CertificateError, PkiError, Purpose, Trust, init, verify
from smbquic.pki.container import ders, read_certificates, read_credential
from smbquic.pki.files import load_certificates, load_crls, load_key
from smbquic.transport.framing import Assembler
from smbquic.transport.quic.options import INTERNET_DATAGRAM
from smbquic.transport.quic.router import Router
from tests.fuzz.decoders import Decoder, Group
from tests.fuzz.source import Source

_LIMIT = 4096
_PASSWORD = "a password"
_CONFIGURATION = b"""
listen = ["quic://0.0.0.0:8443", "tcp://[::1]:445"]
server_name = "fs"
[shares.data]
path = "/"
read_only = true
[users]
alice = "a secret"
[limits]
buffers = 1_000_000
[audit]
file = "audit.jsonl"
"""


class _Stream:
    """The messages that an assembler made of a stream."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.refused = False
        self._assembler = Assembler(lambda message: self.messages.append(bytes(message)))

    def feed(self, data: bytes) -> None:
        """The next piece; after an error, nothing more."""
        if not self.refused:
            try:
                self._assembler.feed(data, _LIMIT)
            except RemoteProtocolError:
                self.refused = True


def _frames(data: memoryview) -> None:
    """A stream is the same in whatever pieces it comes."""
    source = Source(bytes(data))
    pieces = [source.short(16) for _ in range(source.below(16))]
    pieces.append(source.blob(_LIMIT))
    whole, cut = _Stream(), _Stream()
    whole.feed(b"".join(pieces))
    for piece in pieces:
        cut.feed(piece)
    if (whole.messages, whole.refused) != (cut.messages, cut.refused):
        raise AssertionError(f"{whole.messages} in one piece, and {cut.messages} in {pieces}")


def _datagram(data: memoryview) -> None:
    """The first datagram of a client; the engines come behind it."""
    router = Router(accept=lambda *_: None, reply=lambda *_: None, on_unmatched=lambda *_: None)
    path: Any = None
    router.datagram_received(bytes(data), path, 0.0)
    router.datagram_received(bytes(data).ljust(INTERNET_DATAGRAM, b"\0"), path, 0.0)
    if data:
        router.segments_received(bytes(data), 1 + len(data) // 2, path, 0.0)
    router.batch_received(0.0)


@cache
def _pki() -> tuple[Trust, list[bytes], bytes, bytes]:
    """An authority of this run, the chain of its server, and both as PEM with its revocations."""
    with tempfile.TemporaryDirectory() as folder:
        pki = init(Path(folder) / "pki")
        chain = ders(read_certificates(pki.server.certificate))
        return Trust.load(pki.ca), chain, pki.server.certificate.read_bytes(), pki.crl.read_bytes()


def _certificate(data: memoryview) -> None:
    """Verify a chain with any bytes in place of the leaf, before its intermediate."""
    trust, (_, *others), _, _ = _pki()
    chain = [bytes(data), *others]
    with suppress(CertificateError):
        verify(chain, Purpose.CLIENT, trust)
    verify(chain, Purpose.SERVER, trust, name="localhost")


def _file(load: Callable[[Path], object]) -> Callable[[memoryview], None]:
    def decode(data: memoryview) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            load(Path(file.name))

    return decode


def _credential(path: Path) -> None:
    read_credential(path, None, _PASSWORD)


def _configuration(path: Path) -> None:
    """A configuration has files beside it, which are not there."""
    config.load(path)


@cache
def _keys() -> tuple[bytes, bytes, bytes]:
    """The key of a server: as PEM, as PEM with a password, and in a PKCS #12 container."""
    with tempfile.TemporaryDirectory() as folder:
        pki = init(Path(folder) / "pki")
        key = load_key(pki.server.key)
        chain = read_certificates(pki.server.certificate)
    protection = BestAvailableEncryption(_PASSWORD.encode())
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    container = serialize_key_and_certificates(b"server", key, chain[0], chain[1:], protection)
    return plain, sealed, container


def _url(data: memoryview) -> None:
    SmbUrl.parse(bytes(data).decode("utf-8", "replace"))


def decoders() -> Group:
    """All of these."""
    return Group(
        [
            Decoder("transport.framing", _frames),
            Decoder("transport.quic.router", _datagram),
            Decoder("client.quic_versions.parse", lambda data: quic_versions.parse(bytes(data))),
            Decoder(
                "pki.verify",
                _certificate,
                refusals=(CertificateError,),
                samples=lambda: [_pki()[1][0]],
            ),
            Decoder(
                "pki.certificates",
                _file(load_certificates),
                refusals=(PkiError,),
                samples=lambda: [_pki()[2]],
            ),
            Decoder(
                "pki.revocations",
                _file(load_crls),
                refusals=(PkiError,),
                samples=lambda: [_pki()[3]],
            ),
            Decoder(
                "pki.key",
                _file(lambda path: load_key(path, _PASSWORD)),
                refusals=(PkiError,),
                samples=lambda: [*_keys()[:2]],
            ),
            Decoder(
                "pki.container",
                _file(_credential),
                refusals=(PkiError,),
                samples=lambda: [_keys()[2]],
            ),
            Decoder(
                "config",
                _file(_configuration),
                refusals=(config.ConfigError, UsersError),
                samples=lambda: [_CONFIGURATION],
            ),
            Decoder(
                "auth.users",
                _file(UserStore.load),
                refusals=(UsersError,),
                samples=lambda: [b"alice:" + b"0" * 32 + b":staff,admins\n# nobody\n"],
            ),
            Decoder(
                "client.url",
                _url,
                refusals=(UrlError,),
                samples=lambda: [b"smb+quic://HOME;alice:x@[::1]:443/data/a%20b"],
            ),
        ]
    )
