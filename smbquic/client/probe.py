"""Why there is no connection: one step after the other, up to the first that fails.

Works against any server of SMB over QUIC (and over TCP). A name that has addresses of both
families is walked to over each of them, as a client that races them would hide that one is broken.
A password is sent only to a server whose certificate was accepted, and once.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import replace

from smbquic.auth.credentials import Credentials
from smbquic.client.connection import ClientConnection
from smbquic.client.probe_steps import Failed, Outcome, ProbeOptions, Result, Step
from smbquic.client.probe_way import Way, obstacle
from smbquic.client.session import Session
from smbquic.client.url import SmbUrl
from smbquic.errors import AuthenticationError, ConnectError, SmbError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.transport.addresses import Address
from smbquic.transport.resolver import Resolution

_FAMILIES = {socket.AF_INET6: "IPv6", socket.AF_INET: "IPv4"}


async def probe(url: SmbUrl, options: ProbeOptions) -> AsyncGenerator[Result, None]:
    """The result of each step as it is known; there are none after one that failed on all ways."""
    prober = _Prober(url, options)
    try:
        async for result in prober.run():
            yield result
    except Failed as failed:
        yield failed.result
    finally:
        await prober.close()


def failure(results: Sequence[Result]) -> Result | None:
    """What kept a probe from its end; None if it got there, be it on one of two ways.

    Of ways that all failed, it is the failure of the one that led furthest.
    """
    if results[-1].outcome is not Outcome.FAILED:
        return None
    order = list(Step)
    failures = [each for each in results if each.outcome is Outcome.FAILED]
    return max(failures, key=lambda each: order.index(each.step))


class _Prober:
    def __init__(self, url: SmbUrl, options: ProbeOptions) -> None:
        self._url = url
        self._options = options
        self._ways: list[Way] = []

    async def close(self) -> None:
        for way in self._ways:
            await way.close()

    async def run(self) -> AsyncIterator[Result]:
        found = await self._resolve()
        shown = ", ".join(address.endpoint[0] for address in found.addresses)
        yield Result(
            Step.NAME,
            Outcome.OK,
            f"{self._url.host} is {shown}, says {found.by}",
            details={"resolved_by": found.by},
        )
        families = _by_family(found.addresses)
        obstacles = {family: obstacle(rows) for family, rows in families.items()}
        if all(obstacles.values()):
            raise _cut_off(obstacles)
        yield Result(Step.ADDRESSES, Outcome.OK, " and ".join(families))
        for family, error in obstacles.items():
            if error is not None:
                text = f"this machine has no way there: {error.strerror}"
                yield Result(Step.ADDRESSES, Outcome.SKIPPED, text, family=family)
        for family, addresses in families.items():
            if obstacles[family] is None:
                async for result in self._walk(Resolution(addresses, found.by)):
                    yield replace(result, family=family if len(families) > 1 else "")
        connection = next((way.connection for way in self._ways if way.connection), None)
        if connection is not None:
            async for result in self._session_steps(connection):
                yield result

    async def _walk(self, found: Resolution) -> AsyncIterator[Result]:
        """Each step over some of the addresses."""
        way = Way(self._url, self._options, found)
        self._ways.append(way)
        try:
            async for result in way.walk():
                yield result
        except Failed as failed:
            yield failed.result

    async def _resolve(self) -> Resolution:
        try:
            return await self._options.resolver.resolve(
                self._url.host, self._url.port, socket.SOCK_DGRAM
            )
        except ConnectError as error:
            raise Failed(
                Step.NAME,
                str(error),
                "check the name, and that this machine asks the right name server",
                error,
            ) from error

    async def _session_steps(self, connection: ClientConnection) -> AsyncIterator[Result]:
        url, password = self._url, self._options.password
        if not url.user or password is None:
            yield Result(Step.LOGON, Outcome.SKIPPED, "the URL names no user")
            return
        try:
            async with asyncio.timeout(self._options.timeout):
                session = await Session.logon(
                    connection, Credentials(url.user, password, url.domain), host=url.host
                )
        except (SmbError, TimeoutError) as error:
            raise Failed(
                Step.LOGON,
                f"{url.user} cannot log on: {str(error) or 'there is no answer'}",
                _logon_advice(error),
                error,
            ) from error
        yield Result(Step.LOGON, Outcome.OK, f"{url.user} is logged on")
        if not url.share:
            yield Result(Step.SHARE, Outcome.SKIPPED, "the URL names no share")
            return
        try:
            async with asyncio.timeout(self._options.timeout):
                await session.tree(url.share)
        except (SmbError, TimeoutError) as error:
            raise Failed(
                Step.SHARE,
                str(error) or "there is no answer",
                "check the name of the share, and who may use it"
                if isinstance(error, StatusError)
                else "look into the server's log",
                error,
            ) from error
        yield Result(Step.SHARE, Outcome.OK, f"{url.share} can be used")


def _logon_advice(error: Exception) -> str:
    if not isinstance(error, AuthenticationError):
        return "look into the server's log"
    if error.status is NtStatus.ACCESS_DENIED:
        return (
            "ask the server's administrator: there `smbquic access check --user` says whom our"
            " certificate is for, and the audit why somebody was refused"
        )
    return "check the user's name, domain and password"


def _by_family(addresses: Sequence[Address]) -> dict[str, list[Address]]:
    """The addresses of each family, the one that the system prefers first."""
    families: dict[str, list[Address]] = {}
    for address in addresses:
        families.setdefault(_FAMILIES[address.family], []).append(address)
    return families


def _cut_off(obstacles: Mapping[str, OSError | None]) -> Failed:
    error = next(filter(None, obstacles.values()))
    return Failed(
        Step.ADDRESSES,
        f"this machine has no way to {' and '.join(obstacles)} addresses: {error.strerror}",
        "connect it to a network that leads there",
        error,
    )
