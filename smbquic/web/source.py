"""What the web listener shows, and what an administrator may do by it."""

import secrets
from collections.abc import Callable
from dataclasses import field
from time import time
from typing import Any, Protocol

from smbquic.gateway.gateway import Gateway
from smbquic.lazy_dataclass import dataclass
from smbquic.pki.reload import ServerCertificates
from smbquic.server.server import Server

_TOKEN_BYTES = 24


@dataclass(slots=True)
class WebControls:
    """What the status page can do to the program. `token` is the secret of who may use the page.

    `stop` has the program end once its clients have finished. `reload` has it read its files again,
    and returns an event: its `reason` is why nothing has changed. Each is None where the program
    does not offer it.
    """

    token: str = field(default_factory=lambda: secrets.token_urlsafe(_TOKEN_BYTES))
    started: float = field(default_factory=time)
    stop: Callable[[], object] | None = None
    reload: Callable[[], dict[str, Any]] | None = None


class WebSource(Protocol):
    """A server or a gateway that runs; `service` is what its listeners serve."""

    @property
    def controls(self) -> WebControls:
        """What an administrator can do to it."""

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

    def summary(self) -> dict[str, Any]:
        """Return the same without what each client does."""

    def unready(self) -> str:
        """Return why it should get no new clients now; an empty text if it should."""
