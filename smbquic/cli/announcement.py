"""The announcement of `smbquic serve` when it is ready: URLs, user, a command for a client."""

import shlex
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from smbquic.api.listen import ListenAddress
from smbquic.api.serving import Serving
from smbquic.client.url import SmbUrl
from smbquic.lazy_dataclass import dataclass
from smbquic.transport.addresses import is_ip_address, is_loopback, is_wildcard

# Networks for documentation ([RFC 5737], [RFC 3849]): only the route to them matters. Connecting a
# UDP socket sends nothing.
_OUTSIDE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def outside_address(family: socket.AddressFamily) -> str | None:
    """Return the address by which other machines reach this one; None without a network."""
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect((_OUTSIDE[family], 9))
            address = trial.getsockname()
        except OSError:
            return None
    return None if is_loopback(address) or is_wildcard(address) else str(address[0])


def machine_name() -> str:
    """Return this machine's name if that resolves, which may ask DNS, else ``localhost``."""
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except (OSError, UnicodeError):
        return "localhost"
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """The facts about a running server that its clients need.

    `names` are the operator's names for the server, the best first; `machine` is the name for where
    there is neither one nor a network (`machine_name`). `users` may log on; `password` is that of a
    created user. `ca` is the certificate of the authority that clients may not know yet.
    """

    serving: Serving
    names: Sequence[str]
    machine: str
    users: Sequence[str]
    password: str | None
    guest: bool
    ca: Path | None
    client_certificate: bool

    def urls(self) -> list[SmbUrl]:
        """Return the URL of every share, as a client would type it."""
        user = self.users[0] if self.users else ""
        return [
            SmbUrl(
                transport=address.transport,
                host=self._host(address),
                port=address.port,
                share=share.name,
                user=user,
            )
            for address in map(ListenAddress.parse, self.serving.listeners)
            for share in self.serving.server.shares.values()
        ]

    def lines(self) -> Iterator[str]:
        """Yield the lines to print."""
        listeners, memory = self.serving.listeners, self.serving.memory_limit
        yield f"serving on {' '.join(listeners)}, Ctrl-C ends"
        urls = self.urls()
        for url in urls:
            yield f"  {url}"
        yield f"memory: at most {memory >> 20} MiB by [limits], with open files and QUIC engines"
        budget = self.serving.server.files.budget
        yield f"open files: at most {budget.total} of all clients, {budget.of_user} of one user"
        if self.serving.web:
            yield f"web listener on {self.serving.web}"
        if self.password is not None:
            yield f"log on as {self.users[0]} with the password {self.password}"
        if self.ca is not None:
            yield f"clients trust the CA whose certificate is {self.ca}"
            yield f"on another machine, with a copy of {self.ca.name}:"
        else:
            yield "on another machine:"
        yield f"  {self.client_line(urls[0])}"
        if self.ca is not None:
            yield f"Windows trusts it with: certutil -addstore Root {self.ca.name}"

    def client_line(self, url: SmbUrl) -> str:
        """Return a command line for a client, which lists a share."""
        arguments = ["smbquic", "ls"]
        if url.transport == "quic":
            if self.ca is not None:
                arguments += ["--ca", self.ca.name]
            if self.client_certificate:
                arguments += ["--client-cert", "client.pem", "--client-key", "client.key"]
        if not self.users:
            arguments.append("--guest")
        return shlex.join([*arguments, str(url)])

    def _host(self, address: ListenAddress) -> str:
        """Return the host by which clients reach one of the listeners."""
        if not is_ip_address(address.host):
            return address.host
        bound = (address.host, address.port)
        if is_loopback(bound):
            return address.host
        outside: str | None = address.host
        if is_wildcard(bound):
            family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
            outside = outside_address(family)
        candidates = [*self.names, *([outside] if outside else []), self.machine]
        if address.transport == "tcp":
            return candidates[0]
        return next(filter(self._is_certified, candidates), "localhost")

    def _is_certified(self, name: str) -> bool:
        """Return whether one of the server's certificates is for a name."""
        certificates = self.serving.certificates
        return certificates is not None and any(
            name.casefold() in identity.names for identity in certificates.identities
        )


def names_of(serving: Serving) -> list[str]:
    """Return the DNS names of the server's certificates, without those of loopback."""
    if serving.certificates is None:
        return []
    return [
        name
        for identity in serving.certificates.identities
        for name in identity.names
        if name not in _LOCAL and "*" not in name and not is_ip_address(name)
    ]
