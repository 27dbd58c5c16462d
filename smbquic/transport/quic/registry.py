"""Chooses the engine of a connection: `auto` takes the fastest that can do what is needed.

An engine is a folder with its adapter and an `EnginePlugin`, an entry in `ENGINES`, and a name in
`EngineName`. Nothing else asks for an engine by name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import product, starmap
from typing import NamedTuple, Self

from smbquic.errors import EngineError, HandshakeError
from smbquic.lazy_dataclass import dataclass
from smbquic.transport.quic.aioquic.plugin import AIOQUIC
from smbquic.transport.quic.engine import EngineChoice, Verify
from smbquic.transport.quic.native.plugin import NATIVE
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.packet import VERSION_1, VERSION_2, VERSIONS, source_id
from smbquic.transport.quic.plugin import EnginePlugin, MakeEngine, ReadFor, Requirements
from smbquic.transport.quic.qh3.plugin import QH3
from smbquic.transport.quic.tickets import Key, Resumption
from smbquic.transport.quic.tls import CertificatesByName, ClientTls, ServerTls
from smbquic.transport.quic.udp import DirectReceiver, UdpEndpoint

ENGINES: tuple[EnginePlugin, ...] = (NATIVE, QH3, AIOQUIC)
"""All engines, the fastest first."""

ChosenEngine = tuple[EngineChoice, MakeEngine]
"""The engine and why it was chosen, and what makes one for a connection."""


class ClientKind(NamedTuple):
    """What the first datagram of a client shows, and what not every engine can answer.

    Many clients have a connection ID of length 0, as they use a socket for one connection only
    (OpenSSL, MsQuic, quic-go). Few begin with version 2 of QUIC ([RFC9369]).
    """

    zero_length_id: bool
    version_2: bool

    @classmethod
    def of(cls, datagram: bytes) -> Self:
        """Return the kind of a client that has sent a datagram with a long header."""
        version_2 = int.from_bytes(datagram[1:5], "big") == VERSION_2
        return cls(zero_length_id=not source_id(datagram), version_2=version_2)


@dataclass(frozen=True, slots=True)
class ServerEngines:
    """The engines of a listener: the `usual` one, and `others` for clients that it cannot answer.

    `refused` says why clients of a kind are not accepted: no engine can answer them.
    """

    usual: ChosenEngine
    others: Mapping[ClientKind, ChosenEngine]
    refused: Mapping[ClientKind, str]

    def find(self, datagram: bytes) -> ChosenEngine:
        """Return the engine for a client by its first datagram. Raises `EngineError`."""
        client = ClientKind.of(datagram)
        if client in self.refused:
            raise EngineError(self.refused[client])
        return self.others.get(client, self.usual)

    def versions(self, datagram: bytes) -> tuple[int, ...]:
        """Return the versions of QUIC that a client may use, which has sent a first datagram."""
        client = ClientKind.of(datagram)
        return (VERSION_1,) if client._replace(version_2=True) in self.refused else VERSIONS


def client_engine(
    trust: ClientTls,
    server_name: str,
    options: QuicOptions,
    verify: Verify | None,
    *,
    port: int | None = None,
) -> ChosenEngine:
    """Return the engine of a client. Raises `EngineError`, and as files may.

    Without the server's `port` no session is resumed.
    """
    choice, plugin = choose(options, _requirements(options))
    resumption = None if port is None else _resumption(trust, verify, choice, server_name, port)
    return choice, plugin.client(trust, server_name, options, verify, resumption)


def _resumption(
    trust: ClientTls, verify: Verify | None, choice: EngineChoice, server_name: str, port: int
) -> Resumption | None:
    """Return a client's access to its tickets; None where nothing here could verify them again."""
    if verify is None and not trust.insecure:
        return None

    def accepts(chain: tuple[bytes, ...]) -> bool:
        try:
            # The rules may have changed since: a certificate may have been revoked.
            if verify is not None:
                verify(list(chain))
        except HandshakeError:
            return False
        return True

    @cache
    def key() -> Key:
        # A session is the engine's own: another one could not resume it.
        return choice.engine, server_name, port, trust.fingerprint()

    return Resumption(trust.tickets, key, accepts)


def server_engine(identity: ServerTls | CertificatesByName, options: QuicOptions) -> ChosenEngine:
    """Return the engine of a server. Raises `EngineError`, and as files may."""
    identity = _single(identity)
    choice, plugin = choose(options, _server_requirements(identity, options))
    return choice, plugin.server(identity, options)


def server_engines(identity: ServerTls | CertificatesByName, options: QuicOptions) -> ServerEngines:
    """Return the engines of a listener. Raises `EngineError`, and as files may."""
    identity = _single(identity)
    usual = server_engine(identity, options)
    others, refused = dict[ClientKind, ChosenEngine](), dict[ClientKind, str]()

    @cache
    def make(plugin: EnginePlugin, groups: tuple[str, ...]) -> MakeEngine:
        return plugin.server(identity, replace(options, tls_groups=groups))

    for client in starmap(ClientKind, product((False, True), repeat=2)):
        # On a socket that I/O threads read, the event loop has the connections of other engines.
        needed = replace(
            _server_requirements(identity, options),
            zero_length_ids=client.zero_length_id,
            version_2=client.version_2,
            io_threads=False,
        )
        lacking = _plugin(usual[0]).capabilities.lacking(needed)
        if not lacking:
            continue
        reason = f"{usual[0].engine} cannot answer clients with {' and '.join(lacking)}"
        # Another engine than the one that was asked for by name is never taken.
        other = _able_plugin(needed) if options.engine == "auto" else None
        if other is None:
            refused[client] = reason
        else:
            others[client] = EngineChoice(other[0].name, reason), make(*other)
    return ServerEngines(usual, others, refused)


def socket_reader(
    choice: EngineChoice,
    endpoint: UdpEndpoint,
    receiver: DirectReceiver,
    id_size: int,
    threads: int | None = None,
) -> ReadFor | None:
    """Return what has an engine's library read the socket of an endpoint, if it can.

    Connection IDs have `id_size` bytes. A server says how many I/O `threads` it wants, perhaps
    none. Raises `OSError` if there can be none of them.
    """
    make = _plugin(choice).reader
    return make(endpoint, receiver, threads, id_size) if make is not None else None


def _able_plugin(needed: Requirements) -> tuple[EnginePlugin, tuple[str, ...]] | None:
    """Return the fastest engine that can do what is `needed`, perhaps with some groups only."""
    for plugin in filter(lambda each: each.installed, ENGINES):
        missing = plugin.capabilities.lacking_groups(needed.groups)
        groups = tuple(group for group in needed.groups if group not in missing)
        has_groups = bool(groups) or not needed.groups
        if has_groups and not plugin.capabilities.lacking(replace(needed, groups=groups)):
            return plugin, groups
    return None


def _single(identity: ServerTls | CertificatesByName) -> ServerTls | CertificatesByName:
    """Return the certificate itself if there is only one, which no engine has to choose by name."""
    if isinstance(identity, CertificatesByName) and len(identity.all) == 1 and identity.default:
        return identity.default
    return identity


def _requirements(options: QuicOptions) -> Requirements:
    return Requirements(
        congestion=options.congestion,
        groups=tuple(options.tls_groups),
        qlog=options.qlog is not None,
    )


def _server_requirements(
    identity: ServerTls | CertificatesByName, options: QuicOptions
) -> Requirements:
    by_name = isinstance(identity, CertificatesByName)
    all_ = identity.all if isinstance(identity, CertificatesByName) else (identity,)
    return replace(
        _requirements(options),
        client_certificates=any(each.verify is not None for each in all_),
        certificate_by_name=by_name,
        io_threads=options.io_threads > 0,
        any_group=bool(options.tls_groups),
    )


def choose(options: QuicOptions, needed: Requirements) -> tuple[EngineChoice, EnginePlugin]:
    """Return the engine that `options` names, or else the fastest that can do what is `needed`.

    Raises `EngineError` where it cannot, or none can.
    """
    if options.engine != "auto":
        return _named(options.engine, needed)

    def able() -> Iterator[EnginePlugin]:
        # One by one, as looking for a library takes as long as a message does.
        return (each for each in ENGINES if not _obstacle(each, needed))

    preferred = (each for each in able() if not _reservation(each, needed))
    # One with a reservation is better than none.
    plugin = next(preferred, None) or next(able(), None)
    if plugin is None:
        raise EngineError(_nobody_can(needed))
    faster = ENGINES[: ENGINES.index(plugin)]
    if not faster:
        return EngineChoice(plugin.name, "the fastest"), plugin
    if not any(each.installed for each in faster):
        return EngineChoice(plugin.name, "the fastest that is installed"), plugin
    reasons = (_obstacle(each, needed) or _reservation(each, needed) for each in faster)
    return EngineChoice(plugin.name, ", ".join(reasons)), plugin


def _named(name: str, needed: Requirements) -> tuple[EngineChoice, EnginePlugin]:
    plugin = next(each for each in ENGINES if each.name == name)
    obstacle = _obstacle(plugin, needed)
    if not obstacle:
        return EngineChoice(name, "as asked for"), plugin
    able = [each.name for each in ENGINES if not _obstacle(each, needed)]
    remedy = f"use the engine {' or '.join(able)}, or auto" if able else _remedy(needed)
    raise EngineError(f"the engine {obstacle}: {remedy}")


def _plugin(choice: EngineChoice) -> EnginePlugin:
    return next(each for each in ENGINES if each.name == choice.engine)


def _obstacle(plugin: EnginePlugin, needed: Requirements) -> str:
    """Return why an engine cannot be used; empty if it can."""
    if not plugin.installed:
        return f"{plugin.name} is not installed"
    lacking = plugin.capabilities.lacking(needed)
    return f"{plugin.name} has no {' and no '.join(lacking)}" if lacking else ""


def _reservation(plugin: EnginePlugin, needed: Requirements) -> str:
    """Return why another engine is preferred, even if this one can be used; empty if not."""
    if needed.any_group and not plugin.capabilities.any_group:
        return f"{plugin.name} takes no key share but a client's first"
    return ""


def _nobody_can(needed: Requirements) -> str:
    obstacles = ", and ".join(_obstacle(each, needed) for each in ENGINES)
    return f"{obstacles}: {_remedy(needed)}"


def _remedy(needed: Requirements) -> str:
    """Return what to change where no engine that is installed can do what is needed."""
    able = [each.module for each in ENGINES if not each.capabilities.lacking(needed)]
    if able:
        return f"install {' or '.join(able)}"
    rare = [
        group
        for group in needed.groups
        if any(each.capabilities.lacking_groups((group,)) for each in ENGINES)
    ]
    return f"leave {', '.join(rare)} out of the groups" if rare else "ask for less at once"
