"""A name server for DNS over HTTPS that runs in a test."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from smbquic.pki import PkiDirectory


@dataclass
class NameServer:
    """Answers as the test says, and keeps what it was asked."""

    url: str = ""
    addresses: dict[str, list[str]] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    failing: set[str] = field(default_factory=set)
    status: str = "200 OK"
    asked: list[tuple[str, str]] = field(default_factory=list)
    ids: set[int] = field(default_factory=set)

    def answer(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        [question] = query.question
        name, kind = question.name.to_text(omit_final_dot=True), question.rdtype
        self.asked.append((name, dns.rdatatype.to_text(kind)))
        self.ids.add(query.id)
        response = dns.message.make_response(query)
        if dns.rdatatype.to_text(kind) in self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        if name in self.alias:
            response.answer.append(
                dns.rrset.from_text(name + ".", 60, "IN", "CNAME", self.alias[name] + ".")
            )
            name = self.alias[name]
        version = 6 if kind == dns.rdatatype.AAAA else 4
        found = [
            each for each in self.addresses.get(name, ()) if ip_address(each).version == version
        ]
        if found:
            response.answer.append(dns.rrset.from_text(name + ".", 60, "IN", kind, *found))
        response.set_rcode(self.rcode)
        return response.to_wire()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of HTTP/1.1 ([RFC8484] 4.1)."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert head.startswith("post /dns-query http/1.1")
            assert "content-type: application/dns-message" in head
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            body = self.answer(await reader.readexactly(length))
            writer.write(
                f"HTTP/1.1 {self.status}\r\nContent-Type: application/dns-message\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def running_name_server(pki: PkiDirectory) -> AsyncIterator[NameServer]:
    """Answer on a port of this machine, with the certificate for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.server.certificate, pki.server.key)
    serving = NameServer()
    server = await asyncio.start_server(serving.serve, "127.0.0.1", 0, ssl=context)
    serving.url = f"https://localhost:{server.sockets[0].getsockname()[1]}/dns-query"
    yield serving
    server.close()
    await server.wait_closed()
