"""Disconnects a client when the certificate expires by which it was accepted."""

import asyncio
import logging

from smbquic.observe.audit import Trail
from smbquic.pki.subject import now_utc
from smbquic.server.access import AccessPolicy
from smbquic.transport.base import MessageTransport

_AFTER_EXPIRY = 1.0
"""Seconds after the end of a certificate when it is checked again: it names whole seconds."""

_log = logging.getLogger(__name__)


class CertificateWatch:
    """Watches the certificate of the client that is called `name`; `timer` is set for its end."""

    def __init__(
        self, name: str, access: AccessPolicy, transport: MessageTransport, trail: Trail
    ) -> None:
        self.timer: asyncio.TimerHandle | None = None
        self._name = name
        self._access = access
        self._transport = transport
        self._trail = trail

    def check(self) -> None:
        """Disconnect the client if its certificate has expired; check again when it will have."""
        peer = self._transport.peer
        ends = self._access.certificate_ends(peer)
        if ends is None:
            return
        left = (ends - now_utc()).total_seconds()
        if left >= 0.0:
            # The clock may have been set by then: so the end is compared again.
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(left + _AFTER_EXPIRY, self.check)
            return
        decision = self._access.decide(peer)
        if decision is not None and not decision.granted:
            _log.warning("%s: closed: %s", self._name, decision.reason)
            self._trail.decided(decision)
            self._transport.close("access denied")

    def stop(self) -> None:
        """Check no more."""
        if self.timer is not None:
            self.timer.cancel()
