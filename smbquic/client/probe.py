"""Why there is no connection: one step after the other, up to the first that fails.

Works against any server of SMB over QUIC (and over TCP). A name that has addresses of both families
is probed over each of them, as a client that races them would hide that one is broken. A password
is sent only to a server whose certificate was accepted, and once.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import replace

from smbquic.auth.credentials import Credentials
from smbquic.client.connection import ClientConnection
from smbquic.client.probe_path import ProbePath, unreachable_reason
from smbquic.client.probe_results import (
    ProbeFailed,
    ProbeOptions,
    ProbeOutcome,
    ProbeResult,
    ProbeStep,
)
from smbquic.client.session import Session
from smbquic.client.url import SmbUrl
from smbquic.errors import AuthenticationError, ConnectError, SmbError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.transport.addresses import Address
from smbquic.transport.resolver import Resolution

_FAMILIES = {socket.AF_INET6: "IPv6", socket.AF_INET: "IPv4"}


async def probe(url: SmbUrl, options: ProbeOptions) -> AsyncGenerator[ProbeResult, None]:
    """Yield the result of each step; none follows one that failed over all addresses."""
    prober = _Prober(url, options)
    try:
        async for result in prober.run():
            yield result
    except ProbeFailed as failed:
        yield failed.result
    finally:
        await prober.close()


def failure(results: Sequence[ProbeResult]) -> ProbeResult | None:
    """Return the step that failed; None if the probe succeeded over at least one family.

    Where it failed over both, it is the failure of the one that got further.
    """
    if results[-1].outcome is not ProbeOutcome.FAILED:
        return None
    order = list(ProbeStep)
    failures = [each for each in results if each.outcome is ProbeOutcome.FAILED]
    return max(failures, key=lambda each: order.index(each.step))


class _Prober:
    """Probes one URL over all its addresses, then logs on over the first connection."""

    def __init__(self, url: SmbUrl, options: ProbeOptions) -> None:
        self._url = url
        self._options = options
        self._paths: list[ProbePath] = []

    async def close(self) -> None:
        for path in self._paths:
            await path.close()

    async def run(self) -> AsyncIterator[ProbeResult]:
        found = await self._resolve()
        shown = ", ".join(address.endpoint[0] for address in found.addresses)
        yield ProbeResult(
            ProbeStep.NAME,
            ProbeOutcome.OK,
            f"{self._url.host} is {shown}, says {found.by}",
            details={"resolved_by": found.by},
        )
        families = _by_family(found.addresses)
        reasons = {family: unreachable_reason(rows) for family, rows in families.items()}
        if all(reasons.values()):
            raise _no_route(reasons)
        yield ProbeResult(ProbeStep.ADDRESSES, ProbeOutcome.OK, " and ".join(families))
        for family, error in reasons.items():
            if error is not None:
                text = f"this machine has no way there: {error.strerror}"
                yield ProbeResult(ProbeStep.ADDRESSES, ProbeOutcome.SKIPPED, text, family=family)
        for family, addresses in families.items():
            if reasons[family] is None:
                async for result in self._probe_path(Resolution(addresses, found.by)):
                    yield replace(result, family=family if len(families) > 1 else "")
        connection = next((path.connection for path in self._paths if path.connection), None)
        if connection is not None:
            async for result in self._session_steps(connection):
                yield result

    async def _probe_path(self, found: Resolution) -> AsyncIterator[ProbeResult]:
        """Yield each step over some of the addresses."""
        path = ProbePath(self._url, self._options, found)
        self._paths.append(path)
        try:
            async for result in path.run():
                yield result
        except ProbeFailed as failed:
            yield failed.result

    async def _resolve(self) -> Resolution:
        try:
            return await self._options.resolver.resolve(
                self._url.host, self._url.port, socket.SOCK_DGRAM
            )
        except ConnectError as error:
            raise ProbeFailed(
                ProbeStep.NAME,
                str(error),
                "check the name, and that this machine asks the right name server",
                error,
            ) from error

    async def _session_steps(self, connection: ClientConnection) -> AsyncIterator[ProbeResult]:
        url, password = self._url, self._options.password
        if not url.user or password is None:
            yield ProbeResult(ProbeStep.LOGON, ProbeOutcome.SKIPPED, "the URL names no user")
            return
        try:
            async with asyncio.timeout(self._options.timeout):
                session = await Session.logon(
                    connection, Credentials(url.user, password, url.domain), host=url.host
                )
        except (SmbError, TimeoutError) as error:
            raise ProbeFailed(
                ProbeStep.LOGON,
                f"{url.user} cannot log on: {str(error) or 'there is no answer'}",
                _logon_advice(error),
                error,
            ) from error
        yield ProbeResult(ProbeStep.LOGON, ProbeOutcome.OK, f"{url.user} is logged on")
        if not url.share:
            yield ProbeResult(ProbeStep.SHARE, ProbeOutcome.SKIPPED, "the URL names no share")
            return
        try:
            async with asyncio.timeout(self._options.timeout):
                await session.tree(url.share)
        except (SmbError, TimeoutError) as error:
            raise ProbeFailed(
                ProbeStep.SHARE,
                str(error) or "there is no answer",
                "check the name of the share, and who may use it"
                if isinstance(error, StatusError)
                else "read the server's log",
                error,
            ) from error
        yield ProbeResult(ProbeStep.SHARE, ProbeOutcome.OK, f"{url.share} can be used")


def _logon_advice(error: Exception) -> str:
    if not isinstance(error, AuthenticationError):
        return "read the server's log"
    if error.status is NtStatus.ACCESS_DENIED:
        return (
            "ask the server's administrator to run `smbquic access check --user` with this client's"
            " certificate, and to read the audit log"
        )
    return "check the user's name, domain and password"


def _by_family(addresses: Sequence[Address]) -> dict[str, list[Address]]:
    """Return the addresses of each family, the one that the system prefers first."""
    families: dict[str, list[Address]] = {}
    for address in addresses:
        families.setdefault(_FAMILIES[address.family], []).append(address)
    return families


def _no_route(reasons: Mapping[str, OSError | None]) -> ProbeFailed:
    error = next(filter(None, reasons.values()))
    return ProbeFailed(
        ProbeStep.ADDRESSES,
        f"this machine has no way to {' and '.join(reasons)} addresses: {error.strerror}",
        "connect it to a network that leads there",
        error,
    )
