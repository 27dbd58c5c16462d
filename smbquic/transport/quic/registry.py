"""Chooses the engine of a connection: `auto` takes the fastest that can do what is needed.

An engine is a folder with its adapter and an `EnginePlugin`, an entry in `ENGINES`, and a name in
`EngineName`. Nothing else asks for an engine by name.
"""

from dataclasses import dataclass, replace

from smbquic.errors import EngineError, HandshakeError
from smbquic.transport.quic.aioquic.plugin import AIOQUIC
from smbquic.transport.quic.engine import EngineChoice, Verify
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.plugin import EnginePlugin, MakeEngine, Requirements
from smbquic.transport.quic.qh3.plugin import QH3
from smbquic.transport.quic.tickets import Resumption
from smbquic.transport.quic.tls import CertificatesByName, ClientTls, ServerTls

ENGINES: tuple[EnginePlugin, ...] = (QH3, AIOQUIC)
"""All engines, the fastest first."""

ChosenEngine = tuple[EngineChoice, MakeEngine]
"""The engine and why it was chosen, and what makes one for a connection."""


@dataclass(frozen=True, slots=True)
class ServerEngines:
    """The `usual` engine of a listener, and the one for clients with `zero_length_ids`.

    Many clients have a connection ID of length 0, as they use a socket for one connection only
    (OpenSSL, MsQuic, quic-go). If the usual engine cannot answer them, another one does, and if
    there is none they are not accepted; `zero_length_reason` says why they need another one.
    """

    usual: ChosenEngine
    zero_length_ids: ChosenEngine | None
    zero_length_reason: str = ""


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

    # A session is the engine's own: another one could not resume it.
    key = (choice.engine, server_name, port, trust.fingerprint())
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
    if _plugin(usual[0]).capabilities.zero_length_ids:
        return ServerEngines(usual, usual)
    reason = f"{usual[0].engine} cannot answer clients with zero-length connection IDs"
    return ServerEngines(usual, _zero_length_engine(identity, options, reason), reason)


def _zero_length_engine(
    identity: ServerTls | CertificatesByName, options: QuicOptions, reason: str
) -> ChosenEngine | None:
    """Return the fastest engine that can answer clients with zero-length connection IDs.

    It may have some of the groups only. None where another engine was asked for by name.
    """
    if options.engine != "auto":
        return None
    needed = replace(_server_requirements(identity, options), zero_length_ids=True)
    for plugin in filter(lambda each: each.installed, ENGINES):
        missing = plugin.capabilities.lacking_groups(tuple(options.tls_groups))
        groups = tuple(group for group in options.tls_groups if group not in missing)
        has_groups = bool(groups) or not options.tls_groups
        if has_groups and not plugin.capabilities.lacking(replace(needed, groups=groups)):
            make = plugin.server(identity, replace(options, tls_groups=groups))
            return EngineChoice(plugin.name, reason), make
    return None


def _single(identity: ServerTls | CertificatesByName) -> ServerTls | CertificatesByName:
    """Return the certificate itself if there is only one, which no engine has to choose by name."""
    if isinstance(identity, CertificatesByName) and len(identity.all) == 1 and identity.default:
        return identity.default
    return identity


def _requirements(options: QuicOptions) -> Requirements:
    return Requirements(congestion=options.congestion, groups=tuple(options.tls_groups))


def _server_requirements(
    identity: ServerTls | CertificatesByName, options: QuicOptions
) -> Requirements:
    by_name = isinstance(identity, CertificatesByName)
    all_ = identity.all if isinstance(identity, CertificatesByName) else (identity,)
    return replace(
        _requirements(options),
        client_certificates=any(each.verify is not None for each in all_),
        certificate_by_name=by_name,
        any_group=bool(options.tls_groups),
    )


def choose(options: QuicOptions, needed: Requirements) -> tuple[EngineChoice, EnginePlugin]:
    """Return the engine that `options` names, or else the fastest that can do what is `needed`.

    Raises `EngineError` where it cannot, or none can.
    """
    if options.engine != "auto":
        return _named(options.engine, needed)
    able = [each for each in ENGINES if not _obstacle(each, needed)]
    if not able:
        raise EngineError(_nobody_can(needed))
    # One with a reservation is better than none.
    preferred = [each for each in able if not _reservation(each, needed)]
    plugin = (preferred or able)[0]
    if plugin is ENGINES[0]:
        return EngineChoice(plugin.name, "the fastest"), plugin
    faster = ENGINES[: ENGINES.index(plugin)]
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
    able = [each.name for each in ENGINES if not each.capabilities.lacking(needed)]
    if able:
        return f"install {' or '.join(able)}"
    rare = [
        group
        for group in needed.groups
        if any(each.capabilities.lacking_groups((group,)) for each in ENGINES)
    ]
    return f"leave {', '.join(rare)} out of the groups" if rare else "ask for less at once"
