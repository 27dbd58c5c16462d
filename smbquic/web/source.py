"""What the web listener shows."""

from typing import Any, Protocol

from smbquic.gateway.gateway import Gateway
from smbquic.pki.reload import ServerCertificates
from smbquic.server.server import Server


class WebSource(Protocol):
    """A server or a gateway that runs; `service` is what its listeners serve."""

    @property
    def service(self) -> Server | Gateway:
        """The server or the gateway."""

    @property
    def certificates(self) -> ServerCertificates | None:
        """The certificates of its QUIC listeners."""

    def workers(self) -> list[dict[str, Any]]:
        """Return what is known of its worker processes."""

    def status(self) -> dict[str, Any]:
        """Return what it is doing, as plain values. With many sessions this takes its time."""

    def unready(self) -> str:
        """Return why it should get no new clients now; an empty text if it should."""
