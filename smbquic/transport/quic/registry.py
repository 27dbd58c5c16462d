"""Which engine a connection gets: `auto` takes the fastest that can do what is asked for."""

from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Protocol

from smbquic.errors import EngineError, HandshakeError
from smbquic.transport.quic.aioquic import engine as aioquic
from smbquic.transport.quic.engine import (
    Choice,
    ConnectionIds,
    DatagramSizes,
    Engine,
    ResetToken,
    Verify,
)
from smbquic.transport.quic.options import POST_QUANTUM, QuicOptions
from smbquic.transport.quic.qh3.send_queue import SendMemory
from smbquic.transport.quic.tickets import Resumption
from smbquic.transport.quic.tls import ClientTls, ServerNames, ServerTls

NAMELESS = "qh3 cannot answer clients without connection ids"
"""Why some clients of a server get another engine than most."""


class MakeEngine(Protocol):
    """Makes an engine for one connection."""

    def __call__(
        self,
        sizes: DatagramSizes,
        ids: ConnectionIds,
        *,
        original_id: bytes | None = None,
        retry_id: bytes | None = None,
        first_datagram: int = 0,
        reset_token: ResetToken | None = None,
        restricted: bool = False,
    ) -> Engine:
        """`first_datagram` is the size of the client's first one, in bytes, on a server.

        With `restricted` the peer may send little until it is authenticated.
        """


def client_engine(
    trust: ClientTls,
    server_name: str,
    options: QuicOptions,
    verify: Verify | None,
    *,
    port: int | None = None,
) -> tuple[Choice, MakeEngine]:
    """Which engine it is, and what makes one. Raises `EngineError`, and as files may.

    Without the server's `port` no session is taken up again.
    """
    choice = choose(options)
    resumption = None if port is None else _resumption(trust, verify, choice, server_name, port)
    if choice.engine == "qh3":
        from smbquic.transport.quic.qh3 import engine as qh3

        configuration = qh3.client_configuration(trust, server_name, options)
        return choice, partial(qh3.Qh3Engine, configuration, verify=verify, resumption=resumption)
    return choice, partial(
        aioquic.AioquicEngine,
        aioquic.client_configuration(trust, server_name, options),
        verify=verify,
        resumption=resumption,
    )


def _resumption(
    trust: ClientTls, verify: Verify | None, choice: Choice, server_name: str, port: int
) -> Resumption | None:
    """A client's way to its tickets; None where nothing here could judge a server again."""
    if verify is None and not trust.insecure:
        return None

    def accepts(chain: tuple[bytes, ...]) -> bool:
        try:
            if verify is not None:
                verify(list(chain))
        except HandshakeError:
            return False
        return True

    key = (choice.engine, server_name, port, trust.fingerprint())
    return Resumption(trust.tickets, key, accepts)


def server_engine(
    identity: ServerTls | ServerNames, options: QuicOptions
) -> tuple[Choice, MakeEngine]:
    """Which engine it is, and what makes one. Raises `EngineError`, and as files may."""
    if isinstance(identity, ServerNames):
        return _named_engine(identity, options)
    choice = choose(options, certificate=identity.verify is not None, server=True)
    if choice.engine == "qh3":
        from smbquic.transport.quic.qh3 import engine as qh3

        return choice, partial(
            qh3.Qh3Engine,
            qh3.server_configuration(identity, options),
            tickets=identity.ticket_store(options.tickets),
            memory=SendMemory(),
        )
    return choice, partial(
        aioquic.AioquicEngine,
        aioquic.server_configuration(identity, options),
        verify=identity.verify,
        tickets=identity.ticket_store(options.tickets),
    )


@dataclass(frozen=True, slots=True)
class ServerEngines:
    """The engine that clients of a server get, and the one for `nameless` clients, if any.

    Those have no connection id of their own, as many do that use a socket for one connection only
    (OpenSSL, MsQuic, quic-go). What qh3 sends them is never for them: it takes the id that they
    chose for the server for theirs.
    """

    usual: tuple[Choice, MakeEngine]
    nameless: tuple[Choice, MakeEngine] | None


def server_engines(identity: ServerTls | ServerNames, options: QuicOptions) -> ServerEngines:
    """Which engines there are. Raises `EngineError`, and as files may.

    Nameless clients have none where qh3 was asked for, or only what it alone has may be agreed on.
    """
    usual = server_engine(identity, options)
    if usual[0].engine == "aioquic":
        return ServerEngines(usual, usual)
    groups = tuple(group for group in options.groups if group != POST_QUANTUM)
    if options.engine == "qh3" or (options.groups and not groups):
        return ServerEngines(usual, None)
    _, make = server_engine(identity, replace(options, engine="aioquic", groups=groups))
    return ServerEngines(usual, (Choice("aioquic", NAMELESS), make))


def _named_engine(names: ServerNames, options: QuicOptions) -> tuple[Choice, MakeEngine]:
    """As `server_engine`; an only certificate that is shown to everybody needs no choice."""
    if len(names.all) == 1 and names.default is not None:
        return server_engine(names.default, options)
    certificate = any(each.verify is not None for each in names.all)
    choice = choose(options, certificate=certificate, names=True, server=True)
    pick = aioquic.by_name(names, options)
    # What is common to all of them: the certificate is chosen when the client has asked.
    configuration = aioquic.server_configuration(names.all[0], options)
    return choice, partial(aioquic.AioquicEngine, configuration, pick=pick)


def choose(
    options: QuicOptions, *, certificate: bool = False, names: bool = False, server: bool = False
) -> Choice:
    """The engine for these options; `certificate` says that a server asks clients for theirs.

    `names` says that a server chooses its certificate by the name it is asked for. Of a server's
    groups, qh3 finds the one that a client sends a key share of first, and aioquic any. Raises
    `EngineError` where the engine that was asked for cannot do it.
    """
    lacking = []
    if certificate:
        lacking.append("client certificates")
    if names:
        lacking.append("certificates by name")
    if options.congestion != "cubic":
        lacking.append(f"congestion control {options.congestion}")
    obstacle = f"qh3 has no {' and no '.join(lacking)}" if lacking else ""
    if find_spec("qh3") is None:
        obstacle = "qh3 is not installed"
    if options.engine == "qh3" and obstacle:
        raise EngineError(f"the engine {obstacle}: use the engine aioquic, or auto")
    if POST_QUANTUM in options.groups and obstacle:
        remedy = f"leave {POST_QUANTUM} out of the groups"
        raise EngineError(f"{obstacle}, and aioquic has no {POST_QUANTUM}: {remedy}")
    if POST_QUANTUM in options.groups and options.engine == "aioquic":
        remedy = "use the engine qh3, or leave it out of the groups"
        raise EngineError(f"the engine aioquic has no {POST_QUANTUM}: {remedy}")
    if options.engine != "auto":
        return Choice(options.engine, "as asked for")
    if not obstacle and server and options.groups and POST_QUANTUM not in options.groups:
        obstacle = "qh3 takes no key share but a client's first"
    return Choice("aioquic", obstacle) if obstacle else Choice("qh3", "the fastest")
