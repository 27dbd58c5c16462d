"""Disconnects a client when the certificate expires by which it was accepted."""

import asyncio
import logging
from collections.abc import Callable

from smbquic.pki.access import Decision
from smbquic.pki.reload import ServerCertificates
from smbquic.pki.subject import now_utc
from smbquic.transport.base import MessageTransport

_AFTER_EXPIRY = 1.0
"""Seconds after the end of a certificate when it is checked again: it names whole seconds."""

_log = logging.getLogger(__name__)


class CertificateWatch:
    """Watches the certificate of the client that is called `name`; `timer` is set for its end.

    `certificates` has the current rules, and is None without QUIC. `on_refused` is called with the
    decision before the client is disconnected.
    """

    def __init__(
        self,
        name: str,
        certificates: ServerCertificates | None,
        transport: MessageTransport,
        on_refused: Callable[[Decision], object],
    ) -> None:
        self.timer: asyncio.TimerHandle | None = None
        self._name = name
        self._certificates = certificates
        self._transport = transport
        self._on_refused = on_refused

    def check(self) -> None:
        """Disconnect the client if its certificate has expired; check again when it will have."""
        peer, certificates = self._transport.peer, self._certificates
        if certificates is None:
            return
        ends = certificates.ends(peer.server_name, peer.certificates)
        if ends is None:
            return
        left = (ends - now_utc()).total_seconds()
        if left >= 0.0:
            # The clock may have been set by then: so the end is compared again.
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(left + _AFTER_EXPIRY, self.check)
            return
        refusal = certificates.refusal(peer)
        if refusal is not None:
            _log.warning("%s: closed: %s", self._name, refusal.reason)
            self._on_refused(refusal)
            self._transport.close("access denied")

    def stop(self) -> None:
        """Check no more."""
        if self.timer is not None:
            self.timer.cancel()
