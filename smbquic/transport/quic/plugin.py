"""The description of a QUIC engine, which is there without importing the engine."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Protocol

from smbquic.lazy_dataclass import dataclass
from smbquic.transport.quic.engine import (
    Acceptance,
    ConnectionIds,
    DatagramSizes,
    Engine,
    Verify,
)
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.tickets import Resumption
from smbquic.transport.quic.tls import CertificatesByName, ClientTls, ServerTls
from smbquic.transport.quic.udp import DirectReceiver, UdpEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """The capabilities that a connection, or all connections of a listener, need.

    With `client_certificates` a server asks its clients for theirs, with `certificate_by_name` it
    chooses its own by the server name that a client asks for, with `zero_length_ids` it has clients
    with a connection ID of length 0, and with `version_2` those that begin with version 2 of QUIC.
    With `io_threads` it receives and sends on threads of its own. With `qlog`, a trace is written.
    `groups` are those that keys may be exchanged in; none means all that the engine has.
    `any_group` is not needed but preferred; see `EngineCapabilities`.
    """

    congestion: str
    groups: tuple[str, ...] = ()
    client_certificates: bool = False
    certificate_by_name: bool = False
    zero_length_ids: bool = False
    version_2: bool = False
    io_threads: bool = False
    qlog: bool = False
    any_group: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCapabilities:
    """The capabilities of an engine.

    `congestion` are its congestion controllers and `groups` the groups that it exchanges keys
    in. As a server it can: ask for `client_certificates`, choose a `certificate_by_name`, answer
    clients with `zero_length_ids` and clients that begin with `version_2` of QUIC ([RFC9369]), and
    take a key share of `any_group` that a client sends, where others know no share but the first.
    `qlog` says that it writes traces, `ecn` that it counts congestion marks ([RFC9000] 13.4),
    `io_threads` that it can receive and send on threads of its own, as a server.
    """

    congestion: frozenset[str]
    groups: frozenset[str]
    client_certificates: bool
    certificate_by_name: bool
    zero_length_ids: bool
    version_2: bool
    any_group: bool
    qlog: bool
    ecn: bool = False
    io_threads: bool = False

    def lacking(self, requirements: Requirements) -> list[str]:
        """Return what is missing, in words that follow "has no"."""
        missing = []
        if requirements.client_certificates and not self.client_certificates:
            missing.append("client certificates")
        if requirements.certificate_by_name and not self.certificate_by_name:
            missing.append("certificates by name")
        if requirements.zero_length_ids and not self.zero_length_ids:
            missing.append("zero-length connection IDs")
        if requirements.version_2 and not self.version_2:
            missing.append("QUIC version 2")
        if requirements.io_threads and not self.io_threads:
            missing.append("I/O threads")
        if requirements.qlog and not self.qlog:
            missing.append("qlog traces")
        if requirements.congestion not in self.congestion:
            missing.append(f"congestion control {requirements.congestion}")
        return missing + self.lacking_groups(requirements.groups)

    def lacking_groups(self, groups: tuple[str, ...]) -> list[str]:
        """Return which of `groups` it does not have."""
        return [group for group in groups if group not in self.groups]


class MakeEngine(Protocol):
    """A function that makes an engine for one connection."""

    def __call__(
        self, sizes: DatagramSizes, ids: ConnectionIds, acceptance: Acceptance | None = None
    ) -> Engine:
        """Return an engine; a server's needs the `acceptance`."""


MakeClient = Callable[[ClientTls, str, QuicOptions, Verify | None, Resumption | None], MakeEngine]
"""Prepares a client for a server name. Raises `OSError` and `HandshakeError` for its files."""
MakeServer = Callable[[ServerTls | CertificatesByName, QuicOptions], MakeEngine]
"""Prepares a server. Raises `OSError` and `HandshakeError` for its files."""
ReadFor = Callable[[Engine], None]
"""Has the library read the socket for an engine, once it can and it is worth it; other engines get
their datagrams from the endpoint."""
MakeReader = Callable[[UdpEndpoint, DirectReceiver, int | None, int], ReadFor]
"""Prepares reading the socket of an endpoint by a number of I/O threads, or in the event loop, with
connection IDs of a size; for a client the number is None. The receiver gets what is for no
connection. Raises `OSError` if there can be no threads."""


@dataclass(frozen=True, slots=True)
class EnginePlugin:
    """An engine, whose library may be missing; `module` is the name by which that is imported.

    `client`, `server` and `reader` import it when they are called, and not before. There is a
    `reader` where it can read a socket by itself.
    """

    name: str
    module: str
    capabilities: EngineCapabilities
    client: MakeClient
    server: MakeServer
    reader: MakeReader | None = None

    @property
    def installed(self) -> bool:
        """Whether the library can be imported."""
        return find_spec(self.module) is not None
