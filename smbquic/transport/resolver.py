"""Host names to addresses by those whom the user trusts with them: the system, or a server that is
asked over HTTPS ([RFC8484]), through dnspython.

Who can answer for a name can lead a client elsewhere. Certificates keep it from talking to the
wrong server; that it asks nobody in the clear keeps the name itself from those in between.
"""

import asyncio
import logging
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from smbquic.errors import ConnectError
from smbquic.options.client import ResolverOptions
from smbquic.transport.addresses import Address, is_ip_address
from smbquic.transport.addresses import resolve as ask_system

SYSTEM = "system"
"""Who answered, when it was the system, or when nobody had to be asked."""
QUERY_TIMEOUT = 5.0
"""Seconds that a server may take to answer."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The addresses of a name, and who gave them: `system`, or the URL of a server."""

    addresses: list[Address]
    by: str = SYSTEM


@dataclass(frozen=True, kw_only=True)
class Resolver(ResolverOptions):
    """Asks whom the options name.

    The certificate of a server for DNS over HTTPS is verified with the system's authorities, and
    its own name is resolved by the system.
    """

    async def resolve(self, host: str, port: int, kind: socket.SocketKind) -> Resolution:
        """All addresses of `host`, the best first. Raises `ConnectError` for one that has none.

        Addresses and `localhost` are nobody else's business ([RFC6761] 6.3).
        """
        local = is_ip_address(host.partition("%")[0]) or host.lower() == "localhost"
        if self.dns == "system" or self.doh_url is None or local:
            return Resolution(await ask_system(host, port, kind))
        try:
            found = await _ask(self.doh_url, host)
        except _UnansweredError as error:
            if self.dns == "doh-only":
                raise ConnectError(
                    f"the name {host!r} cannot be resolved: {self.doh_url} did not answer"
                    f" ({error}); nobody else may be asked"
                ) from error
            logger.warning("%s did not answer, so the system is asked: %s", self.doh_url, error)
            return Resolution(await ask_system(host, port, kind))
        if not found:
            raise ConnectError(f"the name {host!r} has no address, says {self.doh_url}: check it")
        rows = [(await ask_system(each, port, kind))[0] for each in found]
        return Resolution(rows, self.doh_url)


@dataclass(frozen=True, kw_only=True)
class StaticResolver(Resolver):
    """Asks nobody: the answer is known already."""

    found: Resolution

    async def resolve(self, host: str, port: int, kind: socket.SocketKind) -> Resolution:
        """What was found, whatever is asked for."""
        return self.found


class _UnansweredError(Exception):
    """The server cannot be reached, or cannot say."""


async def _ask(url: str, host: str) -> list[str]:
    """The addresses that a server has for a name, of both families in turn ([RFC8305] 4)."""
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
    return [each[turn] for turn in range(longest) for each in found if turn < len(each)]


async def _query(url: str, host: str, kind: Any) -> list[str]:
    """The addresses of one family; none where the name is not there, or has none of it."""
    import dns.asyncquery
    import dns.message
    import dns.rcode

    parts = urlsplit(url)
    assert parts.hostname is not None
    try:
        server, *_ = await ask_system(parts.hostname, parts.port or 443, socket.SOCK_STREAM)
        query = dns.message.make_query(host, kind)
        # The same question has the same bytes: caches on the way may answer ([RFC8484] 4.1).
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
        # Whatever HTTP, TLS and DNS may throw, from several libraries: it all comes to the same.
        reason = str(error).partition("\n")[0]
        raise _UnansweredError(reason or type(error).__name__) from error
    return [] if answer is None else [record.address for record in answer]
