"""From a URL to a connected transport: which one, to where, and whom it has to be."""

from collections.abc import Sequence
from pathlib import Path

from smbquic.client.url import SmbUrl
from smbquic.pki.authority import Purpose
from smbquic.pki.verify import Trust, verify
from smbquic.transport import quic, tcp
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import ClientTls


def client_tls(
    *,
    ca: Path | str | None = None,
    insecure: bool = False,
    certificate: Path | str | None = None,
    key: Path | str | None = None,
) -> ClientTls:
    """How a client judges a server's certificate, and which one it shows itself.

    `ca` is a PEM file of the roots to trust, by default those of the system. `insecure` trusts
    anybody. `certificate` (a PEM chain) and `key` are for servers that demand them. Raises
    `PkiError` for a `ca` that is none, ValueError for a certificate without its key.
    """
    shown = (optional_path(certificate), optional_path(key))
    if insecure:
        return ClientTls(insecure=True, certificate=shown[0], key=shown[1])
    given = None if ca is None else Trust.load(Path(ca))

    def judge(chain: Sequence[bytes], name: str) -> None:
        # The system has many authorities: they are only read when there is something to judge.
        verify(chain, Purpose.SERVER, given or Trust.system(), name=name)

    return ClientTls(optional_path(ca), certificate=shown[0], key=shown[1], verify=judge)


def optional_path(path: Path | str | None) -> Path | None:
    """A path, if there is one."""
    return None if path is None else Path(path)


async def dial(
    url: SmbUrl,
    *,
    tls: ClientTls | None = None,
    timeout: float = 10.0,  # noqa: ASYNC109 (it covers a whole connection attempt)
) -> MessageTransport:
    """Connect to the server of a URL, with the transport that the URL says, within `timeout` s.

    Raises `ConnectError` where nobody answers, `HandshakeError` where the answer is no.
    """
    if url.transport == "tcp":
        return await tcp.connect(url.host, url.port, timeout=timeout)
    return await quic.connect(url.host, url.port, trust=tls or ClientTls(), timeout=timeout)
