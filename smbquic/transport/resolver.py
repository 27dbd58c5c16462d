"""Resolves host names by the system, or by a server for DNS over HTTPS ([RFC8484]) with dnspython.

A false answer leads a client to another server, which its certificates detect. DNS over HTTPS also
hides the name itself from everybody on the path.
"""

import asyncio
import logging
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from smbquic.errors import ConnectError
from smbquic.lazy_dataclass import dataclass
from smbquic.options.client import ResolverOptions
from smbquic.transport.addresses import Address, is_ip_address
from smbquic.transport.addresses import resolve as ask_system

SYSTEM = "system"
"""The resolver of a name if it was the system, or if no query was necessary."""
QUERY_TIMEOUT = 5.0
"""Seconds that a server may take to answer."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The addresses of a name, and who has resolved it: `system`, or the URL of a server."""

    addresses: list[Address]
    by: str = SYSTEM


@dataclass(frozen=True, kw_only=True)
class Resolver(ResolverOptions):
    """A resolver of names, as the options say.

    The certificate of a server for DNS over HTTPS is verified with the system's trusted roots, and
    its own name is resolved by the system.
    """

    async def resolve(self, host: str, port: int, kind: socket.SocketKind) -> Resolution:
        """Return all addresses of `host`, the best first. Raises `ConnectError` if it has none."""
        # `localhost` is never resolved by others ([RFC6761] 6.3), and an address need not be.
        local = is_ip_address(host.partition("%")[0]) or host.lower() == "localhost"
        if self.dns == "system" or self.doh_url is None or local:
            return Resolution(await ask_system(host, port, kind))
        try:
            found = await _ask(self.doh_url, host)
        except _UnansweredError as error:
            if self.dns == "doh-only":
                raise ConnectError(
                    f"the name {host!r} cannot be resolved: {self.doh_url} did not answer"
                    f" ({error}), and doh-only allows no other resolver"
                ) from error
            logger.warning("%s did not answer, so the system is asked: %s", self.doh_url, error)
            return Resolution(await ask_system(host, port, kind))
        if not found:
            raise ConnectError(f"the name {host!r} has no address, says {self.doh_url}: check it")
        rows = [(await ask_system(each, port, kind))[0] for each in found]
        return Resolution(rows, self.doh_url)


@dataclass(frozen=True, kw_only=True)
class StaticResolver(Resolver):
    """A resolver that has the answer already, and sends no query."""

    found: Resolution

    async def resolve(self, host: str, port: int, kind: socket.SocketKind) -> Resolution:
        """Return the answer, for any name."""
        return self.found


@dataclass(frozen=True, kw_only=True)
class AddressResolver(Resolver):
    """A resolver that has one address for any name: that of the server to connect to."""

    address: str

    async def resolve(self, host: str, port: int, kind: socket.SocketKind) -> Resolution:
        """Return the address. Raises `ConnectError` if it is none."""
        return Resolution(await ask_system(self.address, port, kind))


class _UnansweredError(Exception):
    """The server cannot be reached, or has no answer."""


async def _ask(url: str, host: str) -> list[str]:
    """Return the addresses of a name by a server, of both families alternately ([RFC8305] 4)."""
    try:
        import dns.rdatatype
    except ImportError as error:
        raise ConnectError("DNS over HTTPS needs dnspython: pip install 'smbquic[doh]'") from error
    answers = await asyncio.gather(
        *(_query(url, host, kind) for kind in (dns.rdatatype.AAAA, dns.rdatatype.A)),
        return_exceptions=True,
    )
    found = [answer for answer in answers if isinstance(answer, list)]
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    if failures and not any(found):
        raise failures[0]
    longest = max(map(len, found))
    return [each[index] for index in range(longest) for each in found if index < len(each)]


async def _query(url: str, host: str, kind: Any) -> list[str]:
    """Return the addresses of one family; none if the name does not exist, or has none."""
    import dns.asyncquery
    import dns.message
    import dns.rcode

    parts = urlsplit(url)
    assert parts.hostname is not None
    try:
        server, *_ = await ask_system(parts.hostname, parts.port or 443, socket.SOCK_STREAM)
        query = dns.message.make_query(host, kind)
        # The same query has the same bytes, so that HTTP caches can answer it ([RFC8484] 4.1).
        query.id = 0
        response = await dns.asyncquery.https(
            query,
            url,
            timeout=QUERY_TIMEOUT,
            verify=ssl.create_default_context(),
            bootstrap_address=server.endpoint[0],
        )
        if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise _UnansweredError(f"its answer is {dns.rcode.to_text(response.rcode())}")
        assert isinstance(response, dns.message.QueryMessage)
        answer = response.resolve_chaining().answer
    except _UnansweredError:
        raise
    except Exception as error:
        # HTTP, TLS and DNS have exceptions of several libraries, which all mean the same here.
        reason = str(error).partition("\n")[0]
        raise _UnansweredError(reason or type(error).__name__) from error
    return [] if answer is None else [record.address for record in answer]
