"""The renewal of a certificate from an ACME server while a server or a gateway runs."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

from smbquic.observe.audit import AuditEvent, AuditLog
from smbquic.options.acme import AcmeOptions
from smbquic.pki.acme.renewer import AcmeRenewer, RenewalOutcome


async def first_certificate(
    options: AcmeOptions | None, sockets: Sequence[socket.socket], stack: AsyncExitStack
) -> AcmeRenewer | None:
    """Return what renews the certificate, once there is one; None without options.

    Challenges are answered until `stack` is closed. Raises `PkiError` and `UrlError`.
    """
    if options is None:
        return None
    renewer = AcmeRenewer(options, sockets=sockets)
    renewer.prepare()
    await stack.enter_async_context(renewer.listening())
    await renewer.obtain_first()
    return renewer


def start_renewing(renewer: AcmeRenewer | None, audit: AuditLog, stack: AsyncExitStack) -> None:
    """Renew the certificate until `stack` is closed, and record what comes of it."""
    if renewer is None:
        return

    def record(outcome: RenewalOutcome) -> None:
        audit.record(
            AuditEvent.CERTIFICATE,
            names=list(outcome.names),
            directory=outcome.directory,
            renewed=outcome.reason is None,
            message=outcome.reason,
            not_after=outcome.not_after and outcome.not_after.isoformat(),
        )

    task = asyncio.create_task(renewer.run(record))

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)
