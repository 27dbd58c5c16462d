"""The way of a probe to a server, over the addresses of one family: from the port to SMB's first
word.
"""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

from smbquic.client.connection import ClientConnection
from smbquic.client.probe_steps import Failed, Outcome, ProbeOptions, Result, Step
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

QUIC_VERSIONS = {1: "1", 0x6B3343CF: "2"}
# Reserved to make servers tell which versions they speak ([RFC9000] 15).
_NO_VERSION = 0x1A2A3A4A
_DATAGRAM = 1200
_UDP_TRIES = 3


def obstacle(addresses: Sequence[Address]) -> OSError | None:
    """Why this machine has no way to any of some addresses; None if it has. Sends nothing."""
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


class Way:
    """One walk. `connection` is what it has led to, until the way is closed."""

    def __init__(self, url: SmbUrl, options: ProbeOptions, found: Resolution) -> None:
        self.connection: ClientConnection | None = None
        self._url = url
        self._options = options
        self._addresses = found.addresses
        self._resolver = StaticResolver(found=found)
        self._chain: list[bytes] = []
        self._transport: MessageTransport | None = None

    async def close(self) -> None:
        """End what it led to."""
        if self.connection is not None:
            await self.connection.close()
        elif self._transport is not None:
            self._transport.close()
            await self._transport.wait_closed()

    async def walk(self) -> AsyncIterator[Result]:
        """Each step as it is done. Raises `Failed` for the last one, if that was one too far."""
        if self._url.transport == "tcp":
            self._transport = await self._connect_tcp()
            yield Result(Step.REACHABILITY, Outcome.OK, f"TCP port {self._url.port} is open")
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
            raise Failed(
                Step.REACHABILITY,
                str(error),
                "is the server running, and is the port open on the way?",
                error,
            ) from error

    async def _quic_steps(self) -> AsyncIterator[Result]:
        versions = await self._reach()
        if versions is None:
            # Not every server answers what it does not know; the handshake will tell.
            yield Result(
                Step.REACHABILITY, Outcome.WARNING, "no answer to an unknown QUIC version yet"
            )
        else:
            port = self._url.port
            yield Result(Step.REACHABILITY, Outcome.OK, f"UDP port {port} answers, with QUIC")
            yield _versions(versions)
        self._transport = await self._handshake(reached=versions is not None)
        peer = self._transport.peer
        yield Result(
            Step.TLS,
            Outcome.OK,
            f"TLS 1.3 with {peer.cipher}, in {peer.handshake_seconds * 1000:.0f} ms,"
            f" on the engine {peer.engine} ({peer.engine_reason})",
            details={"engine": peer.engine, "engine_reason": peer.engine_reason},
        )
        yield Result(Step.ALPN, Outcome.OK, f"the server speaks {peer.alpn}")
        yield self._verify()
        if self._options.client.certificate is not None:
            yield Result(Step.CLIENT_CERTIFICATE, Outcome.OK, "our certificate was not refused")

    async def _reach(self) -> list[int] | None:
        """The QUIC versions of the first address that tells; None if none does, by time."""
        refused: OSError | None = None
        wait = min(self._options.timeout, 3.0)
        for address in self._addresses:
            try:
                found = await _ask_versions(address, wait)
            except OSError as error:
                refused = error
                continue
            if found is not None:
                return found
            refused = None
        if refused is not None:
            raise Failed(
                Step.REACHABILITY,
                f"nobody listens on UDP port {self._url.port}: {refused.strerror or refused}",
                "start the server, or use the port that it listens on (--listen quic://...)",
                refused,
            )
        return None

    async def _handshake(self, *, reached: bool) -> MessageTransport:
        def look(chain: list[bytes], name: str) -> None:
            self._chain = chain

        mine = self._options.client
        trust = ClientTls(verify=look, certificate=mine.certificate, key=mine.key)
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
            raise self._refused(error) from error
        except TransportError as error:
            if reached:
                raise Failed(
                    Step.TLS,
                    f"the server answers, but no handshake comes of it: {error}",
                    "look into the server's log; large datagrams may be lost on the way (MTU)",
                    error,
                ) from error
            raise Failed(
                Step.REACHABILITY,
                f"UDP port {url.port} is silent, which is what a filter does"
                + await self._tcp_hint(),
                "let UDP through on every firewall on the way, the server's own too",
                error,
            ) from error

    async def _tcp_hint(self) -> str:
        """Whether the host is there at all: TCP tells where UDP does not."""
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

    def _refused(self, error: HandshakeError) -> Failed:
        reason = error.reason
        if reason == "alpn":
            return Failed(
                Step.ALPN,
                str(error),
                "something else than SMB has this port (a web server has 443, too)",
                error,
            )
        if reason == "unrecognized-name":
            return Failed(
                Step.TLS,
                str(error),
                f"use a name that the server has a certificate for, or give it one for"
                f" {self._url.host}",
                error,
            )
        if reason == "nothing-in-common":
            return Failed(
                Step.TLS,
                str(error),
                "allow what both have: tls_ciphers and tls_groups there, --tls-ciphers and"
                " --tls-groups here",
                error,
            )
        mine = self._options.client.certificate is not None
        if reason in _CLIENT_REASONS and (mine or reason == "no-certificate"):
            return Failed(Step.CLIENT_CERTIFICATE, str(error), _CLIENT_REASONS[reason], error)
        return Failed(Step.TLS, str(error), "look into the server's log", error)

    def _verify(self) -> Result:
        chain = [parse_der(der) for der in self._chain]
        results = explain(chain, Purpose.SERVER, name=self._url.host)
        details = {
            "certificate": describe(chain[0]),
            "checks": [_check_document(each) for each in results],
        }
        warnings = [each.text for each in results if each.status is not VerificationStatus.OK]
        if self._options.insecure:
            text = "; ".join(["not checked (--insecure)", *warnings])
            return Result(Step.CERTIFICATE, Outcome.WARNING, text, "", details)
        trust = self._options.trust or Trust.system()
        try:
            path = verify(self._chain, Purpose.SERVER, trust, name=self._url.host)
        except CertificateError as error:
            others = [text for text in warnings if text != str(error)]
            raise Failed(
                Step.CERTIFICATE,
                "; ".join([str(error), *others]),
                _CERTIFICATE_ADVICE.get(error.reason, "give the server another certificate"),
                error,
                **details,
            ) from error
        outcome = Outcome.WARNING if warnings else Outcome.OK
        text = f"accepted, from {path[-1].subject.rfc4514_string()}"
        return Result(Step.CERTIFICATE, outcome, "; ".join([text, *warnings]), "", details)

    async def _negotiate(self) -> Result:
        assert self._transport is not None
        settings = ClientSettings(client_guid=os.urandom(16))
        try:
            async with asyncio.timeout(self._options.timeout):
                self.connection = await ClientConnection.open(
                    self._transport, settings, server_name=self._url.host
                )
        except (SmbError, TimeoutError) as error:
            what = "there is no answer" if isinstance(error, TimeoutError) else str(error)
            raise Failed(
                Step.NEGOTIATE,
                f"the server does not agree on a dialect of SMB: {what}",
                "is it an SMB server, and is SMB 3.1.1 allowed there?",
                error,
            ) from error
        negotiated = self.connection.protocol.negotiated
        assert negotiated is not None
        cipher = negotiated.cipher.name if negotiated.cipher else "none"
        text = f"{negotiated.dialect.name}, signing {negotiated.signing_algorithm.name}"
        text += ", encryption left to QUIC" if negotiated.transport_security else f", {cipher}"
        return Result(Step.NEGOTIATE, Outcome.OK, text)


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


def _versions(versions: Sequence[int]) -> Result:
    known = [QUIC_VERSIONS[each] for each in versions if each in QUIC_VERSIONS]
    if not known:
        shown = ", ".join(f"0x{each:08x}" for each in versions[:8])
        raise Failed(
            Step.VERSION,
            f"the server speaks QUIC in versions that are not spoken here: {shown}",
            "update the server; version 1 is the standard",
        )
    return Result(Step.VERSION, Outcome.OK, f"QUIC version {' and '.join(sorted(known))}")


def _check_document(result: VerificationResult) -> dict[str, str]:
    return {"check": result.check, "status": result.status, "text": result.text}


class _VersionQuestion(asyncio.DatagramProtocol):
    """Waits for a Version Negotiation packet ([RFC9000] 17.2.1)."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        versions = _parse_versions(data)
        if versions is not None and not self.answer.done():
            self.answer.set_result(versions)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _ask_versions(address: Address, wait: float) -> list[int] | None:
    """The versions that a server speaks; None if it does not say. Raises `OSError`."""
    transport, question = await asyncio.get_running_loop().create_datagram_endpoint(
        _VersionQuestion, remote_addr=address.endpoint, family=address.family
    )
    ids = b"\x08" + os.urandom(8) + b"\x08" + os.urandom(8)
    datagram = (b"\xc0" + struct.pack(">I", _NO_VERSION) + ids).ljust(_DATAGRAM, b"\0")
    try:
        for _ in range(_UDP_TRIES):
            transport.sendto(datagram)
            done, _ = await asyncio.wait([question.answer], timeout=wait / _UDP_TRIES)
            if done:
                return question.answer.result()
        return None
    finally:
        question.answer.cancel()
        transport.close()


def _parse_versions(data: bytes) -> list[int] | None:
    if len(data) < 7 or not data[0] & 0x80 or data[1:5] != bytes(4):
        return None
    at = 6 + data[5]
    at += 1 + data[at] if at < len(data) else 1
    rest = data[at:]
    if not rest or len(rest) % 4:
        return None
    return [version for (version,) in struct.iter_unpack(">I", rest)]
