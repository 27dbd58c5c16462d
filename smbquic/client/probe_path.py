"""The steps of a probe over the addresses of one family: from the UDP port to NEGOTIATE."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from smbquic.client import quic_versions
from smbquic.client.connection import ClientConnection
from smbquic.client.probe_results import (
    ProbeFailed,
    ProbeOptions,
    ProbeOutcome,
    ProbeResult,
    ProbeStep,
)
from smbquic.client.url import SmbUrl
from smbquic.errors import HandshakeError, SmbError, TransportError
from smbquic.pki.checks import CertificateError
from smbquic.pki.explain import VerificationResult, VerificationStatus, describe, explain
from smbquic.pki.subject import Purpose
from smbquic.pki.verification import Trust, parse_der, verify
from smbquic.protocol.settings import ClientSettings
from smbquic.transport import quic, tcp
from smbquic.transport.addresses import Address
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import ClientTls
from smbquic.transport.resolver import Resolution, StaticResolver


def unreachable_reason(addresses: Sequence[Address]) -> OSError | None:
    """Return why this machine has no route to any of some addresses, None if it has one.

    Sends nothing: connecting a UDP socket only looks the route up.
    """
    reason: OSError | None = None
    for address in addresses:
        with socket.socket(address.family, socket.SOCK_DGRAM) as trial:
            try:
                trial.connect(address.socket_address)
            except OSError as error:
                reason = error
            else:
                return None
    return reason


class ProbePath:
    """Probes a server over some of its addresses.

    `connection` is there once NEGOTIATE has succeeded, until `close`.
    """

    def __init__(self, url: SmbUrl, options: ProbeOptions, found: Resolution) -> None:
        self.connection: ClientConnection | None = None
        self._url = url
        self._options = options
        self._addresses = found.addresses
        self._resolver = StaticResolver(found=found)
        self._chain: list[bytes] = []
        self._transport: MessageTransport | None = None

    async def close(self) -> None:
        """Close the connection, or as much of it as there is."""
        if self.connection is not None:
            await self.connection.close()
        elif self._transport is not None:
            self._transport.close()
            await self._transport.wait_closed()

    async def run(self) -> AsyncIterator[ProbeResult]:
        """Yield the result of each step as it is done. Raises `ProbeFailed` for one that fails."""
        if self._url.transport == "tcp":
            self._transport = await self._connect_tcp()
            yield ProbeResult(
                ProbeStep.REACHABILITY, ProbeOutcome.OK, f"TCP port {self._url.port} is open"
            )
        else:
            async for result in self._quic_steps():
                yield result
        yield await self._negotiate()

    async def _connect_tcp(self) -> MessageTransport:
        try:
            return await tcp.connect(
                self._url.host,
                self._url.port,
                timeout=self._options.timeout,
                resolver=self._resolver,
            )
        except TransportError as error:
            raise ProbeFailed(
                ProbeStep.REACHABILITY,
                str(error),
                "is the server running, and is the port open on the way?",
                error,
            ) from error

    async def _quic_steps(self) -> AsyncIterator[ProbeResult]:
        versions = await self._query_versions()
        if versions is None:
            # Not every server answers an unknown version; the handshake shows whether it is there.
            yield ProbeResult(
                ProbeStep.REACHABILITY,
                ProbeOutcome.WARNING,
                "no answer to an unknown QUIC version yet",
            )
        else:
            port = self._url.port
            yield ProbeResult(
                ProbeStep.REACHABILITY, ProbeOutcome.OK, f"UDP port {port} answers, with QUIC"
            )
            yield _version_result(versions)
        self._transport = await self._handshake(reached=versions is not None)
        peer = self._transport.peer
        yield ProbeResult(
            ProbeStep.TLS,
            ProbeOutcome.OK,
            f"TLS 1.3 with {peer.cipher}, in {peer.handshake_seconds * 1000:.0f} ms,"
            f" on the engine {peer.engine} ({peer.engine_reason})",
            details={"engine": peer.engine, "engine_reason": peer.engine_reason},
        )
        yield ProbeResult(ProbeStep.ALPN, ProbeOutcome.OK, f"the server speaks {peer.alpn}")
        yield self._check_certificate()
        if self._options.client.certificate is not None:
            yield ProbeResult(
                ProbeStep.CLIENT_CERTIFICATE, ProbeOutcome.OK, "our certificate was not refused"
            )

    async def _query_versions(self) -> list[int] | None:
        """Return the QUIC versions of the first address that answers, None if none does in time."""
        refused: OSError | None = None
        wait = min(self._options.timeout, 3.0)
        for address in self._addresses:
            try:
                found = await quic_versions.query(address, wait)
            except OSError as error:
                refused = error
                continue
            if found is not None:
                return found
            refused = None
        if refused is not None:
            raise ProbeFailed(
                ProbeStep.REACHABILITY,
                f"nobody listens on UDP port {self._url.port}: {refused.strerror or refused}",
                "start the server, or use the port that it listens on (--listen quic://...)",
                refused,
            )
        return None

    async def _handshake(self, *, reached: bool) -> MessageTransport:
        def keep_chain(chain: list[bytes], name: str) -> None:
            # Accepts any chain, so that the step after this one can say what is wrong with it.
            self._chain = chain

        own = self._options.client
        trust = ClientTls(verify=keep_chain, certificate=own.certificate, key=own.key)
        url = self._url
        try:
            return await quic.connect(
                url.host,
                url.port,
                trust=trust,
                timeout=self._options.timeout,
                options=self._options.quic,
                resolver=self._resolver,
            )
        except HandshakeError as error:
            raise self._handshake_failure(error) from error
        except TransportError as error:
            if reached:
                raise ProbeFailed(
                    ProbeStep.TLS,
                    f"the server answers, but no handshake comes of it: {error}",
                    "read the server's log; large datagrams may be lost on the path (MTU)",
                    error,
                ) from error
            raise ProbeFailed(
                ProbeStep.REACHABILITY,
                f"UDP port {url.port} is silent, which is what a filter does"
                + await self._tcp_hint(),
                "let UDP through on every firewall on the way, the server's own too",
                error,
            ) from error

    async def _tcp_hint(self) -> str:
        """Return whether the host is up: TCP shows it where UDP does not."""
        for address in self._addresses:
            try:
                async with asyncio.timeout(2):
                    _, writer = await asyncio.open_connection(*address.endpoint)
            except ConnectionRefusedError:
                return "; the host is up, since it refuses TCP on that port"
            except (OSError, TimeoutError):
                continue
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return "; the host is up, since TCP on that port is open"
        return "; the host may as well be down"

    def _handshake_failure(self, error: HandshakeError) -> ProbeFailed:
        reason = error.reason
        if reason == "alpn":
            return ProbeFailed(
                ProbeStep.ALPN,
                str(error),
                "something else than SMB has this port (a web server has 443, too)",
                error,
            )
        if reason == "unrecognized-name":
            return ProbeFailed(
                ProbeStep.TLS,
                str(error),
                f"use a name that the server has a certificate for, or give it one for"
                f" {self._url.host}",
                error,
            )
        if reason == "nothing-in-common":
            return ProbeFailed(
                ProbeStep.TLS,
                str(error),
                "allow what both have: tls_ciphers and tls_groups there, --tls-ciphers and"
                " --tls-groups here",
                error,
            )
        shown = self._options.client.certificate is not None
        if reason in _CLIENT_REASONS and (shown or reason == "no-certificate"):
            return ProbeFailed(
                ProbeStep.CLIENT_CERTIFICATE, str(error), _CLIENT_REASONS[reason], error
            )
        return ProbeFailed(ProbeStep.TLS, str(error), "read the server's log", error)

    def _check_certificate(self) -> ProbeResult:
        chain = [parse_der(der) for der in self._chain]
        results = explain(chain, Purpose.SERVER, name=self._url.host)
        details = {
            "certificate": describe(chain[0]),
            "checks": [_check_document(each) for each in results],
        }
        warnings = [each.text for each in results if each.status is not VerificationStatus.OK]
        if self._options.insecure:
            text = "; ".join(["not checked (--insecure)", *warnings])
            return ProbeResult(ProbeStep.CERTIFICATE, ProbeOutcome.WARNING, text, "", details)
        trust = self._options.trust or Trust.system()
        try:
            path = verify(self._chain, Purpose.SERVER, trust, name=self._url.host)
        except CertificateError as error:
            others = [text for text in warnings if text != str(error)]
            raise ProbeFailed(
                ProbeStep.CERTIFICATE,
                "; ".join([str(error), *others]),
                _CERTIFICATE_ADVICE.get(error.reason, "give the server another certificate"),
                error,
                **details,
            ) from error
        outcome = ProbeOutcome.WARNING if warnings else ProbeOutcome.OK
        text = f"accepted, from {path[-1].subject.rfc4514_string()}"
        return ProbeResult(
            ProbeStep.CERTIFICATE, outcome, "; ".join([text, *warnings]), "", details
        )

    async def _negotiate(self) -> ProbeResult:
        assert self._transport is not None
        settings = ClientSettings(client_guid=os.urandom(16))
        try:
            async with asyncio.timeout(self._options.timeout):
                self.connection = await ClientConnection.open(
                    self._transport, settings, server_name=self._url.host
                )
        except (SmbError, TimeoutError) as error:
            what = "there is no answer" if isinstance(error, TimeoutError) else str(error)
            raise ProbeFailed(
                ProbeStep.NEGOTIATE,
                f"the server does not agree on a dialect of SMB: {what}",
                "is it an SMB server, and is SMB 3.1.1 allowed there?",
                error,
            ) from error
        negotiated = self.connection.protocol.negotiated
        assert negotiated is not None
        cipher = negotiated.cipher.name if negotiated.cipher else "none"
        text = f"{negotiated.dialect.name}, signing {negotiated.signing_algorithm.name}"
        text += ", encryption left to QUIC" if negotiated.transport_security else f", {cipher}"
        return ProbeResult(ProbeStep.NEGOTIATE, ProbeOutcome.OK, text)


_CLIENT_REASONS = {
    "no-certificate": "show one with --client-cert and --client-key",
    "access-denied": "have the server's administrator allow this certificate; there"
    " `smbquic access check` says which rule decided",
    "unknown-ca": "have the server trust the authority of our certificate (client_ca)",
    "expired": "renew our certificate",
    "revoked": "get a new certificate",
    "wrong-key": "give the key that belongs to our certificate",
    "bad-certificate": "see what is wrong with it: smbquic pki inspect FILE --for client",
}
_CERTIFICATE_ADVICE = {
    "unknown-ca": "name the authority's certificate with --ca, or send the intermediates",
    "self-signed": "if it is the right one, trust it with --ca",
    "expired": "renew it, and check this machine's clock",
    "not-yet-valid": "check the clocks of both machines",
    "wrong-name": "use a name that is in the certificate, or have the name put into it",
    "wrong-usage": "issue a certificate with the extended key usage serverAuth",
    "not-a-leaf": "put the server's own certificate first into its file",
    "revoked": "issue a new one, and find out why the other was revoked",
}


def _version_result(versions: Sequence[int]) -> ProbeResult:
    known = [quic_versions.KNOWN[each] for each in versions if each in quic_versions.KNOWN]
    if not known:
        shown = ", ".join(f"0x{each:08x}" for each in versions[:8])
        raise ProbeFailed(
            ProbeStep.VERSION,
            f"the server supports only QUIC versions that this client does not: {shown}",
            "update the server; version 1 is the standard",
        )
    return ProbeResult(
        ProbeStep.VERSION, ProbeOutcome.OK, f"QUIC version {' and '.join(sorted(known))}"
    )


def _check_document(result: VerificationResult) -> dict[str, str]:
    return {"check": result.check, "status": result.status, "text": result.text}
